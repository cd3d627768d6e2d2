"""Where the tracker's Chinese works belong: the province of their coordinates, and the power grid they draw from.

Two provinces have two grids each: Tangshan, Qinhuangdao, Chengde, Zhangjiakou and Langfang draw from Hebei's northern
one; Hulunbuir, Xing'an, Tongliao and Chifeng from Inner Mongolia's eastern one (data/README.md).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.inputs.checks import PROVINCE_MARGIN_KM
from ccs_model.inputs.places import km_outside_province, province_outlines

CHINA = "China"
_TABLE_NAME = {"Inner Mongol": "Inner Mongolia"}  # an outline's name → the tables'
# Province → grid → names of prefectures that draw from it, in both scripts.
_GRIDS = {
    "Hebei": {
        "Hebei north": "唐山|秦皇岛|承德|张家口|廊坊|Tangshan|Qinhuangdao|Chengde|Zhangjiakou|Langfang",
        "Hebei south": "石家庄|保定|沧州|衡水|邢台|邯郸|Shijiazhuang|Baoding|Cangzhou|Hengshui|Xingtai|Handan",
    },
    "Inner Mongolia": {
        "Inner Mongolia east": "呼伦贝尔|兴安|通辽|赤峰|Hulunbuir|Xing'an|Tongliao|Chifeng",
        "Inner Mongolia west": "呼和浩特|包头|鄂尔多斯|乌兰察布|巴彦淖尔|乌海|阿拉善|锡林郭勒"
        "|Hohhot|Baotou|Ordos|Ulanqab|Bayannur|Wuhai|Alxa|Xilin",
    },
}


def china_places(works: pd.DataFrame) -> pd.DataFrame:
    """The works with `province`, `grid` and `note` set; those of other countries have their country as their grid.

    `works` has the columns country, province, address, address_local, municipality, lat_deg, lon_deg and note.
    """
    works = works.reset_index(drop=True)
    works["grid"] = works["province"]
    is_chinese = (works["country"] == CHINA).to_numpy()
    if is_chinese.any():
        at = works.index[is_chinese & works["lat_deg"].notna().to_numpy()]
        _take_province_of_the_place(works, at)
        _take_grid(works, at)
    return works


def _take_province_of_the_place(works: pd.DataFrame, at: pd.Index) -> None:
    """A works farther outside the province it names than outlines are wrong lies where its coordinates say, if any."""
    some = works.loc[at]
    outside = km_outside_province(some["province"], some["lat_deg"].astype(float), some["lon_deg"].astype(float))
    for i in outside.index[outside > PROVINCE_MARGIN_KM]:
        place = works.loc[i]
        names = [name for name, rings in province_outlines().items() if rings]
        n = len(names)
        far = km_outside_province(
            pd.Series(names), pd.Series([float(place["lat_deg"])] * n), pd.Series([float(place["lon_deg"])] * n)
        )
        if (far == 0).sum() == 1:
            province = _TABLE_NAME.get(names[int(far.argmin())], names[int(far.argmin())])
            said = f"the tracker says {place['province']}, {outside[i]:.0f} km away; its coordinates lie in {province}"
            works.loc[i, "note"] = "; ".join(words for words in (place["note"], said) if words)
            works.loc[i, ["province", "grid"]] = province


def _take_grid(works: pd.DataFrame, at: pd.Index) -> None:
    """By the prefecture that the works or its address names; where none does, as the nearest works that names one."""
    for province, grids in _GRIDS.items():
        some = works.loc[at][works.loc[at, "province"] == province]
        words = some["municipality"] + " " + some["address"] + " " + some["address_local"]
        named = {grid: words.str.contains(names).to_numpy(bool) for grid, names in grids.items()}
        only = np.array([*named.values()]).sum(axis=0) == 1
        for grid, is_named in named.items():
            works.loc[some.index[is_named & only], "grid"] = grid
        places = some[["lat_deg", "lon_deg"]].to_numpy(float)
        for k in np.flatnonzero(~only):
            if only.any():
                scale = np.array([1.0, np.cos(np.radians(places[k, 0]))])
                distance = (((places[only] - places[k]) * scale) ** 2).sum(axis=1)
                works.loc[some.index[k], "grid"] = works.loc[some.index[only][distance.argmin()], "grid"]
            else:
                works.loc[some.index[k], "grid"] = next(reversed(grids))
