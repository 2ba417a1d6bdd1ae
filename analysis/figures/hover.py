"""What the interactive front says of a point under the mouse."""

from collections.abc import Mapping
from html import escape
from typing import Any

from analysis.front_json import SPLITS, Front, FrontPoint
from analysis.notation import number, second_words
from analysis.words import values_words


def point_details(front: Front, point: FrontPoint) -> str:
    """Hover text: identity, objectives on tune and test, every measure, settings."""
    lines = [f"<b>{escape(point['method'])}</b>  {escape(point['candidate'])}"]
    lines.append(f"sparsity {number(point['tune']['sparsity'])}")
    for split in SPLITS:
        if (values := point[split]) is not None:
            lines.append(f"{split}: {escape(values_words(front['objective'], values))}")
    if (second := point.get("beside")) is not None:
        where = second_words(front.get("beside", ""))
        for split in SPLITS:
            if (values := second[split]) is not None:
                told = escape(values_words(front["objective"], values))
                lines.append(f"{split}, {escape(where)}: {told}")
    lines += [f"no-op: {escape(what)}" for what in point.get("no_ops", ())]
    if point["needs_group"]:
        lines.append("needs the group at prediction time")
    lines.append("<br><b>measures on tune</b>")
    measures = [f"{escape(k)} {number(v)}" for k, v in point["tune"]["measures"].items()]
    lines += [" · ".join(measures[i : i + 3]) for i in range(0, len(measures), 3)]
    lines.append("<br><b>settings</b>")
    lines += [escape(line) for line in _settings_lines(point["settings"])]
    return "<br>".join(lines)


def _settings_lines(settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Settings as short lines, four to a line; each stage begins a new one."""
    lines = []
    for role, values in settings.items():
        parts = [f"{key} {_plain(value)}" for key, value in values.items()]
        for start in range(0, len(parts), 4):
            lead = f"{role}: " if start == 0 else "   "
            lines.append(lead + " · ".join(parts[start : start + 4]))
    return lines


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
