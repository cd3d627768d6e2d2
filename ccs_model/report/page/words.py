"""Every title and heading of the page, in English and Chinese: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LANGUAGES = ("en", "zh", "both")

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "map": ("Map", "地图"),
        "macc": ("What could be done, from cheap to dear", "可做之事：由低到高的减排成本"),
        "frontier": ("What each budget buys", "不同预算的减排量"),
        "plans": ("plans", "方案"),
        "no_better": ("no plan can be better", "理论上限"),
        "by_list": ("by the ranked list", "按成本排序清单"),
        "chosen_budget": ("the budget chosen", "所选预算"),
        "budget_slider": ("Budget", "预算"),
        "timeline": ("When", "时间"),
        "zones": ("Zones", "分区"),
        "built": ("What is built", "改造清单"),
        "bearers": ("Costs and benefits, by who bears them", "成本与效益：按承担者"),
        "owners": ("What owners earn", "业主收益"),
        "sources": ("Sources", "数据来源"),
        "question": ("Question", "问题"),
        "status": ("Status", "状态"),
        "calibration": ("Calibration", "校准"),
        "optimal": ("solved to the gap asked for", "已达到要求的最优性间隙"),
        "limit": ("stopped by a limit before the gap asked for was proven", "在证明要求的间隙前达到限制"),
        "infeasible": ("no plan can keep every claim", "无可行方案"),
        "plants_fitted": ("plants fitted", "改造企业"),
        "captured": ("captured", "捕集量"),
        "avoided": ("avoided", "净减排量"),
        "cut": ("cut", "减排比例"),
        "direct_cut": ("direct cut", "直接减排比例"),
        "capex": ("capital", "投资"),
        "budget": ("of a budget of", "预算"),
        "year_cost": ("a year costs", "年成本"),
        "capture_cost": ("per t captured", "每吨捕集成本"),
        "avoidance_cost": ("per t avoided, all in", "每吨减排全成本"),
        "spending": ("Spending in the period", "本期支出"),
        "captured_pa": ("Captured", "捕集量"),
        "avoided_pa": ("Avoided", "净减排量"),
        "period": ("period", "时期"),
        "started": ("started", "开工数"),
        "abatement": ("Cumulative avoided", "累计净减排量"),
        "cost_of_avoiding": ("Avoidance cost", "减排成本"),
        "in_plan": ("in the plan", "在方案中"),
        "not_in_plan": ("not in the plan", "未入选"),
        "budget_axis": ("Budget", "预算"),
        "zone": ("zone", "分区"),
        "baseline": ("without capture", "无捕集排放"),
        "calibrated_cut": ("as delivered", "按实际交付"),
        "uncalibrated_cut": ("as designed", "按设计"),
        "reported_cut": ("reported", "报道值"),
        "cut_share": ("Share of the zone's emissions", "占分区排放比例"),
        "bearer": ("bearer", "承担者"),
        "benefits": ("benefits", "效益"),
        "costs": ("costs", "成本"),
        "net": ("net", "净值"),
        "ratio": ("benefit ÷ cost", "效益成本比"),
        "money": ("Discounted over the horizon", "全周期折现"),
        "item": ("item", "项目"),
        "plant": ("plant", "企业"),
        "province": ("province", "省份"),
        "stream": ("stream", "气源"),
        "technology": ("technology", "技术"),
        "year": ("year", "年份"),
        "site": ("site", "封存点"),
        "npv": ("net present value", "净现值"),
        "irr": ("rate of return", "内部收益率"),
        "payback": ("payback", "回收期"),
        "break_even": ("break-even carbon price", "盈亏平衡碳价"),
        "sector": ("sector", "行业"),
        "steel": ("steel", "钢铁"),
        "chemicals": ("chemicals", "化工"),
        "fitted": ("fitted", "已改造"),
        "not_fitted": ("not fitted", "未改造"),
        "reason": ("why not", "原因"),
        "used_site": ("storage site in use", "使用的封存点"),
        "unused_site": ("storage site not used", "未使用的封存点"),
        "pipe": ("pipe, as wide as its flow", "管道（宽度表示流量）"),
        "road": ("road", "公路"),
        "flow": ("flow", "流量"),
        "length": ("length", "长度"),
        "injected": ("injected", "注入量"),
        "capacity": ("may be filled to", "可用容量"),
        "owners_bearer": ("owners", "业主"),
        "public purse": ("public purse", "公共财政"),
        "financiers": ("financiers", "出资方"),
        "society": ("society", "社会"),
        "licence": ("licence", "许可"),
        "used_by": ("used by", "使用表"),
        "years_unit": ("years", "年"),
    }
)


@dataclass(frozen=True)
class Words:
    """Words in one language, or in both side by side."""

    lang: str

    def __call__(self, key: str) -> str:
        english, chinese = WORDS[key]
        if self.lang == "both":
            return f"{english} · {chinese}"
        return chinese if self.lang == "zh" else english

    @property
    def tag(self) -> str:
        """The page's language as HTML names it."""
        return "zh-CN" if self.lang == "zh" else "en"

    def known(self, text: str) -> str:
        """A word of the tables where it is in the list, else as it stands, without underscores."""
        return self(text) if text in WORDS else text.replace("_", " ")

    def named(self, name: str, name_zh: str) -> str:
        """A plant's name in the page's language, as far as it has one."""
        if self.lang == "both" and name_zh:
            return f"{name} {name_zh}"
        return name_zh if self.lang == "zh" and name_zh else name
