"""The page's words in English, Chinese or both; the table of all labels holds them by key."""

from __future__ import annotations

from dataclasses import dataclass

from ccs_model.report.language import Language, labels


@dataclass(frozen=True)
class Words:
    """Words in one language, or in both side by side."""

    lang: str

    def __call__(self, key: str) -> str:
        english, chinese = labels().keyed[key]
        if self.lang == "both":
            return f"{english} / {chinese}"
        return chinese if self.lang == "zh" else english

    @property
    def tag(self) -> str:
        """The page's language as HTML names it."""
        return "zh-CN" if self.lang == "zh" else "en"

    @property
    def stop(self) -> str:
        """What ends a sentence before the next one."""
        return "。" if self.lang == "zh" else ". "

    def known(self, text: str) -> str:
        """A word of the tables where it is in the list, else as it stands, without underscores."""
        return self(text) if text in labels().keyed else self.label(text.replace("_", " "))

    def said(self, text: str) -> str:
        """A sentence in the page's language."""
        return Language(self.lang).sentence(text)

    def label(self, text: str) -> str:
        """A heading or label in the page's language."""
        return Language(self.lang).label(text)

    def unit(self, text: str) -> str:
        """A unit in the page's language."""
        return Language(self.lang).unit(text)

    def named(self, name: str, name_zh: str) -> str:
        """A plant's name in the page's language, as far as it has one."""
        if self.lang == "both" and name_zh:
            return f"{name} {name_zh}"
        return name_zh if self.lang == "zh" and name_zh else name
