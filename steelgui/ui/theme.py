"""Graphite neutrals, one accent of hot steel, system fonts: Gradio's theme from our palette."""

from __future__ import annotations

import gradio as gr

FONTS = (
    "Pretendard",
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "system-ui",
    "sans-serif",
)
MONO = ("ui-monospace", "Cascadia Mono", "Menlo", "Consolas", "monospace")

_GRAPHITE = gr.themes.Color(
    name="graphite",
    c50="#f6f7f8",
    c100="#eceef0",
    c200="#dcdfe3",
    c300="#c3c8ce",
    c400="#949ba5",
    c500="#666e79",
    c600="#4f5661",
    c700="#3a4049",
    c800="#272c33",
    c900="#1b1f24",
    c950="#121519",
)
_HOT = gr.themes.Color(
    name="hot",
    c50="#fff5ed",
    c100="#ffe6d1",
    c200="#ffcaa1",
    c300="#ffa766",
    c400="#ff8a33",
    c500="#f26a0d",
    c600="#b84a00",
    c700="#963d05",
    c800="#78320a",
    c900="#5c280b",
    c950="#331404",
)


def theme() -> gr.themes.Base:
    """The theme; contrast of text is 4.5:1 or more in light and dark."""
    made = gr.themes.Base(
        primary_hue=_HOT,
        secondary_hue=_GRAPHITE,
        neutral_hue=_GRAPHITE,
        font=FONTS,
        font_mono=MONO,
        text_size=gr.themes.sizes.text_sm,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_md,
    )
    return made.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_label_background_fill="white",
        block_label_background_fill_dark="*neutral_900",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_title_text_weight="500",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_shadow="none",
        link_text_color="*primary_600",
        link_text_color_dark="*primary_400",
        link_text_color_hover="*primary_700",
        link_text_color_hover_dark="*primary_300",
        link_text_color_visited="*primary_600",
        link_text_color_visited_dark="*primary_400",
        link_text_color_active="*primary_700",
        link_text_color_active_dark="*primary_300",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_800",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        color_accent="*primary_600",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*neutral_800",
        border_color_accent_dark="*primary_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="white",
        button_primary_text_color_dark="*neutral_950",
        checkbox_background_color_selected="*primary_600",
        checkbox_border_color="*neutral_400",
        layout_gap="8px",
    )
