"""Chinese words of inventories: headings, units, sheet names, choices, provinces and grids.

Headings belong to column names, so that a word has the same meaning in every table. The heading of a capacity must
include its unit, since many Chinese inventories use 万吨 (ten thousand tonnes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ccs_model.scenario.validation import clean_text

# Hints name the first word of each.
HEADINGS: Mapping[str, Sequence[str]] = {
    "plant": ("工厂编号", "企业编号", "编号", "工厂代码"),
    "name": ("企业名称", "工厂名称", "名称", "厂名", "企业名", "工厂"),
    "name_zh": ("中文名称", "企业中文名称", "工厂中文名称", "中文名"),
    "province": ("省份", "省", "省级行政区", "所在省份"),
    "prefecture": ("地级市", "地市", "城市", "市"),
    "grid": ("电网", "所属电网", "电价区"),
    "lat_deg": ("纬度", "北纬"),
    "lon_deg": ("经度", "东经"),
    "place_accuracy": ("位置精度", "坐标精度", "坐标准确度"),
    "status": ("状态", "运行状态", "生产状态"),
    "start_year": ("投产年份", "投产年", "投产时间"),
    "closing_year": ("关停年份", "停产年份", "退役年份"),
    "turnaround_from": ("检修起始年份", "大修起始年份", "检修开始年份"),
    "turnaround_until": ("检修截止年份", "大修截止年份", "检修结束年份"),
    "crude_steel_ktpa": ("粗钢产能", "炼钢产能"),
    "bof_steel_ktpa": ("转炉钢产能", "转炉产能", "转炉炼钢产能"),
    "eaf_steel_ktpa": ("电炉钢产能", "电炉产能", "电弧炉产能"),
    "bf_iron_ktpa": ("高炉铁产能", "高炉产能", "高炉生铁产能", "炼铁产能"),
    "dri_iron_ktpa": ("直接还原铁产能",),
    "retiring_bf_iron_ktpa": ("拟退出高炉铁产能", "待淘汰高炉产能", "拟退役高炉产能"),
    "retiring_bof_steel_ktpa": ("拟退出转炉钢产能", "待淘汰转炉产能", "拟退役转炉产能"),
    "construction_crude_steel_ktpa": ("在建粗钢产能",),
    "announced_crude_steel_ktpa": ("拟建粗钢产能", "已公布粗钢产能", "规划粗钢产能"),
    "mothballed_crude_steel_ktpa": ("停用粗钢产能", "封存粗钢产能"),
    "retired_crude_steel_ktpa": ("已退役粗钢产能", "已淘汰粗钢产能"),
    "coke_ovens": ("焦炉",),
    "coke_ktpa": ("焦炭产能", "焦化产能"),
    "n_blast_furnaces": ("高炉座数", "高炉数量", "高炉数"),
    "bf_relining_years": ("高炉大修年份", "高炉大修时间"),
    "parent": ("母公司", "所属集团", "集团"),
    "product": ("产品",),
    "capacity_ktpa": ("产能", "生产能力", "产品产能"),
    "feedstock": ("原料",),
    "gasifier": ("气化炉", "气化炉型", "气化技术"),
    "urea_share": ("尿素比例", "尿素份额", "尿素占比"),
    "assumed_columns": ("假设列", "假定列"),
    "reference": ("参考文献", "来源", "数据来源", "资料来源"),
    "quality": ("数据质量", "质量"),
    "note": ("备注", "说明", "注"),
    "citation": ("引文", "文献"),
    "where": ("出处", "链接", "网址"),
    "licence": ("许可", "许可证", "版权"),
    "use": ("用途",),
    "projects_in": ("项目所在国", "已建项目国家"),
    "sector": ("行业", "所属行业"),
    "capacity_mw": ("装机容量", "发电装机容量"),
    "co2_ktpa": ("二氧化碳排放量", "co2排放量", "碳排放量"),
    "capture_capex_mn": ("捕集投资", "捕集装置投资"),
    "fixed_om_mn_pa": ("固定运维费用", "固定运维费"),
    "capture_cost_per_t": ("捕集成本", "吨捕集成本"),
    "avoided_per_captured_share": ("净减排比例",),
    "life_yr": ("技术寿命", "寿命"),
    "currency": ("币种", "货币"),
    "price_year": ("价格年份", "价格年"),
}
UNITS = {
    "千吨/年": "kt/y", "千吨/a": "kt/y", "千吨每年": "kt/y", "kt/a": "kt/y", "ktpa": "kt/y",
    "度": "degrees", "°": "degrees", "份额": "share", "比例": "share", "0-1": "share",
}  # fmt: skip
SHEETS = {
    "钢铁": "steel", "钢厂": "steel", "化工": "chemicals", "化工厂": "chemicals", "其他行业": "sources",
    "其他": "sources", "参考文献": "references", "说明": "readme", "备注": "notes", "列表": "lists",
}  # fmt: skip
_CHOICES: Mapping[str, Mapping[str, str]] = {
    "status": {
        "运行": "operating", "在运": "operating", "在产": "operating", "运营": "operating", "生产": "operating",
        "拟退役": "operating pre-retirement", "待退役": "operating pre-retirement", "在建": "construction",
        "拟建": "announced", "已公布": "announced", "规划": "announced", "停用": "mothballed", "封存": "mothballed",
        "退役": "retired", "已退役": "retired", "关停": "retired", "取消": "cancelled", "已取消": "cancelled",
    },
    "place_accuracy": {"精确": "exact", "准确": "exact", "近似": "approximate", "大致": "approximate"},
    "coke_ovens": {"有": "present", "无": "absent", "没有": "absent", "未知": "unknown", "不详": "unknown"},
    "product": {
        "合成氨": "ammonia", "氨": "ammonia", "甲醇": "methanol", "烯烃": "olefins", "煤制烯烃": "olefins",
        "煤直接液化": "coal_to_liquids_direct", "煤直接液化制油": "coal_to_liquids_direct",
        "直接液化": "coal_to_liquids_direct",
    },
    "feedstock": {
        "煤": "coal", "煤炭": "coal", "天然气": "natural_gas", "焦炉气": "coke_oven_gas", "焦炉煤气": "coke_oven_gas",
        "渣油": "oil", "重油": "oil", "电石炉气": "furnace_off_gas", "电石炉尾气": "furnace_off_gas",
        "矿热炉气": "furnace_off_gas", "矿热炉尾气": "furnace_off_gas",
    },
    "gasifier": {
        "固定床": "fixed_bed", "间歇固定床": "fixed_bed", "纯氧气化": "oxygen_blown", "水煤浆": "oxygen_blown",
        "水煤浆气化": "oxygen_blown", "粉煤气化": "oxygen_blown", "干煤粉气化": "oxygen_blown",
        "气流床": "oxygen_blown", "气流床气化": "oxygen_blown", "固定床间歇气化": "fixed_bed",
    },
    "quality": {"实测": "measured", "报告": "reported", "估算": "estimated", "假设": "assumed", "假定": "assumed"},
}  # fmt: skip
# Sectors of streams/source_sectors, which may be extended, so that they are no choices.
_SECTORS = {
    "水泥": "cement", "石灰": "lime", "炼油": "refinery", "炼厂": "refinery", "石油炼制": "refinery",
    "制氢": "hydrogen", "乙烯": "ethylene", "环氧乙烷": "ethylene_oxide", "乙醇": "ethanol", "燃料乙醇": "ethanol",
    "制浆": "pulp", "造纸": "pulp", "垃圾焚烧": "waste", "煤电": "coal_power", "燃煤发电": "coal_power",
    "火电": "coal_power", "气电": "gas_power", "燃气发电": "gas_power",
}  # fmt: skip
_PROVINCES = {
    "北京": "Beijing", "天津": "Tianjin", "河北": "Hebei", "山西": "Shanxi", "内蒙古": "Inner Mongolia",
    "辽宁": "Liaoning", "吉林": "Jilin", "黑龙江": "Heilongjiang", "上海": "Shanghai", "江苏": "Jiangsu",
    "浙江": "Zhejiang", "安徽": "Anhui", "福建": "Fujian", "江西": "Jiangxi", "山东": "Shandong", "河南": "Henan",
    "湖北": "Hubei", "湖南": "Hunan", "广东": "Guangdong", "广西": "Guangxi", "海南": "Hainan", "重庆": "Chongqing",
    "四川": "Sichuan", "贵州": "Guizhou", "云南": "Yunnan", "西藏": "Xizang", "陕西": "Shaanxi", "甘肃": "Gansu",
    "青海": "Qinghai", "宁夏": "Ningxia", "新疆": "Xinjiang",
}  # fmt: skip
_GRIDS = {
    "冀北": "Hebei north", "河北北网": "Hebei north", "冀南": "Hebei south", "河北南网": "Hebei south",
    "蒙西": "Inner Mongolia west", "蒙东": "Inner Mongolia east",
}  # fmt: skip
_ENDINGS = ("维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市", "电网")


def normalize_words(words: str) -> str:
    """The words in lower case, without invisible and full-width characters: `产能（ｋｔ／ｙ）` → `产能(kt/y)`."""
    return clean_text(words).lower()


def headings_of(column: str) -> Sequence[str]:
    """Chinese names of a column."""
    return HEADINGS.get(column, ())


def english_word(column: str, text: str, choices: Sequence[str]) -> str:
    """English word for a choice, province or grid; any other text is returned as it is."""
    if text.isascii():
        return text
    words = normalize_words(text)
    if not words.isascii():
        words = "".join(words.split())
    if choices:
        message = _CHOICES.get(column, {}).get(words, words)
        return message if message in choices else text
    if column == "sector":
        return _SECTORS.get(words, text)
    if column not in ("province", "grid"):
        return text
    short = next((words.removesuffix(end) for end in _ENDINGS if words.endswith(end)), words)
    if column == "grid" and (grid := _GRIDS.get(words) or _GRIDS.get(short)):
        return grid
    return _PROVINCES.get(words) or _PROVINCES.get(short) or text
