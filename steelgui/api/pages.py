"""The API's documentation as a page: made here from the OpenAPI document, so that it needs no network and no script."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #c2410c }
@media (prefers-color-scheme: dark) { :root { --accent: #ff9a4d } }
body { font: 16px/1.5 Pretendard, "Noto Sans KR", system-ui, sans-serif }
body { max-width: 960px; margin: 0 auto; padding: 24px }
h1 { margin: 0 } h2 { margin: 40px 0 8px; text-transform: capitalize } p { margin: 8px 0 }
details { border: 1px solid var(--line); border-radius: 8px; margin: 8px 0 }
summary { padding: 12px 16px; cursor: pointer; overflow-wrap: anywhere } details > div { padding: 0 16px 16px }
code, pre { font: 14px/1.5 ui-monospace, "D2Coding", monospace } .soft { opacity: .75 }
pre { background: var(--soft); padding: 12px; border-radius: 8px; overflow-x: auto; margin: 8px 0 }
b.verb { display: inline-block; min-width: 64px; color: var(--accent); font-family: ui-monospace, monospace }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: 6px 16px 6px 0; border-top: 1px solid var(--line) }
a { color: var(--accent) }
"""


def page(document: dict[str, Any], origin: str) -> str:
    """HTML for an OpenAPI document; `origin` such as `http://127.0.0.1:7860` stands in the examples."""
    info, base = document["info"], origin + "/api/v1"
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            group = groups.setdefault((operation.get("tags") or ["other"])[0], [])
            group.append(_operation(verb.upper(), path, operation, document, base))
    body = "".join(f"<h2>{escape(name)}</h2>{''.join(found)}" for name, found in groups.items())
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code> '
        f'<span class="soft">{_prose(schema.get("description", "").partition(chr(10))[0])}</span></summary>'
        f"<div>{_fields(schema)}</div></details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>SteelGUI API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{escape(info['title'])} API</h1>"
        f'<p class="soft">version {escape(info["version"])} · <a href="openapi.json">openapi.json</a></p>'
        f"{_paragraphs(info.get('description', ''))}{body}<h2>schemas</h2>{schemas}</body></html>"
    )


def curl(verb: str, path: str, operation: dict[str, Any], base: str) -> str:
    """A line to try an operation with."""
    words = ["curl"] + (["-X", verb] if verb not in ("GET", "POST") else [])
    for kind in operation.get("requestBody", {}).get("content", {}):
        if kind == "multipart/form-data":
            words += ["-F", "files=@picture.jpg" if path == "/inspect" else "file=@picture.jpg"]
        elif kind == "application/json":
            example = {"kind": "gan", "data": "my-data", "class": "crazing"}
            words += ["-H", "'Content-Type: application/json'", "-d", f"'{json.dumps(example)}'"]
    if verb == "POST" and "requestBody" not in operation:
        words += ["-X", "POST"]
    if path.endswith("/events"):
        words.append("-N")
    if path.endswith(("/image", "/overlay", "/thumbnail")):
        words += ["-o", "picture"]
    return " ".join([*words, base + path.replace("{id}", "1" if "inspections" in path else "RUN")])


def _operation(verb: str, path: str, operation: dict[str, Any], document: dict[str, Any], base: str) -> str:
    rows = [
        (parameter["name"], _type(parameter["schema"]), parameter.get("description", ""), parameter["in"])
        for parameter in operation.get("parameters", [])
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        rows += [
            (name, _type(field), field.get("description", ""), "body")
            for name, field in schema.get("properties", {}).items()
        ]
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code><br><span class=soft>{escape(where)}</span></td>"
        f"<td>{kind}<br>{_prose(text)}</td></tr>"
        for name, kind, text, where in rows
    )
    asked = f'<div class="wide"><table>{cells}</table></div>' if cells else ""
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{_contents(answer)}</td>"
        f"<td>{escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f'<details><summary><b class="verb">{verb}</b> <code>{escape(path)}</code></summary><div>'
        f"{_paragraphs(operation.get('description', ''))}{asked}"
        f"<pre>{escape(curl(verb, path, operation, base))}</pre>"
        f'<div class="wide"><table>{answers}</table></div></div></details>'
    )


def _contents(answer: dict[str, Any]) -> str:
    return ", ".join(
        f"{_type(content['schema'])} <span class=soft>{escape(kind)}</span>" if "$ref" in content.get("schema", {})
        else escape(kind)
        for kind, content in answer.get("content", {}).items()
    )  # fmt: skip


def _fields(schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(field)}</td>"
        f"<td>{_prose(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f'<div class="wide"><table>{rows}</table></div>'


def _type(schema: dict[str, Any]) -> str:
    """A few words of HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(escape(str(one)) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    words = [schema.get("format") or schema.get("type", "any")]
    words += [f"{word} {schema[key]:g}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    if schema.get("default") not in (None, "", [], {}):
        words.append(f"({schema['default']} by default)")
    return escape(" ".join(words))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_prose(part)}</p>" for part in text.split("\n\n") if part)


def _prose(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))
