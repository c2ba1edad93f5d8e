"""One table as an Excel file: the least that spreadsheets open without a question."""

from __future__ import annotations

import io
import zipfile
from html import escape

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OFFICE = "http://schemas.openxmlformats.org"
MAIN, LINKS = f"{OFFICE}/spreadsheetml/2006/main", f"{OFFICE}/officeDocument/2006/relationships"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELATIONS = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
FIXED = (1980, 1, 1, 0, 0, 0)
"""Time of every part: the same table gives the same file."""


def cell(place: str, value: str | float | None) -> str:
    """One cell; empty for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


def column(n: int) -> str:
    """A, B, ... Z, AA, ..."""
    return (column(n // 26 - 1) if n >= 26 else "") + chr(65 + n % 26)


def sheet(rows: list[list[str | float | None]]) -> str:
    """The cells."""
    lines = (
        f'<row r="{y}">' + "".join(cell(f"{column(x)}{y}", v) for x, v in enumerate(row)) + "</row>"
        for y, row in enumerate(rows, 1)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def workbook(name: str, rows: list[list[str | float | None]]) -> bytes:
    """An Excel file of one sheet."""
    link = f'<Relationships xmlns="{OFFICE}/package/2006/relationships"><Relationship Id="rId1" Type="{LINKS}/%s" Target="%s"/></Relationships>'
    kinds = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{SHEET}.{kind}+xml"/>'
        for part, kind in (("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"))
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{OFFICE}/package/2006/content-types">{RELATIONS}{kinds}</Types>',
        "_rels/.rels": link % ("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets><sheet name="{escape(name)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": link % ("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": sheet(rows),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in parts.items():
            archive.writestr(zipfile.ZipInfo(path, FIXED), HEAD + text, zipfile.ZIP_DEFLATED)
    return out.getvalue()
