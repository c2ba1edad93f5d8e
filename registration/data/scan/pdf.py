"""A board as a PDF at true scale: one page of filled rectangles and a few words."""

from __future__ import annotations

from pathlib import Path

from registration.data.scan.board import DARK, LIGHT, Board

POINTS = 72 / 25.4
"""A millimetre in the unit of PDF."""
RULER = 100.0
"""Length of the line that checks the printer, mm."""


def write_pdf(file: Path, board: Board, black: bool = False) -> None:
    """One page; in blue and yellow, or in ``black`` on bare paper."""
    width, height = (v * POINTS for v in board.page_mm)
    content = drawing(board, black).encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] /Contents 4 0 R "
        f"/Resources << /Font << /F 5 0 R >> >> >>".encode(),
        f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n".encode() + text + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    file.write_bytes(body + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode())


def drawing(board: Board, black: bool) -> str:
    """What is drawn on the page, in PDF's own words; millimetres, the origin in the page's middle."""
    (page_w, page_h), (w, h) = board.page_mm, board.size_mm
    dark, light = ((0, 0, 0), (1, 1, 1)) if black else (DARK, LIGHT)
    colour = lambda rgb: "{:g} {:g} {:g} rg".format(*rgb)  # noqa: E731
    box = lambda x, y, a, b: f"{x:.4f} {y:.4f} {a:.4f} {b:.4f} re"  # noqa: E731
    out = [f"{POINTS:.8f} 0 0 {POINTS:.8f} {page_w / 2 * POINTS:.4f} {page_h / 2 * POINTS:.4f} cm"]
    out += [colour(light), box(-w / 2, -h / 2, w, h), "f", colour(dark)]
    out += [box(*rectangle) for rectangle in board.dark()] + ["f"]
    left, low = -w / 2, -h / 2 - 6.0
    ticks = [box(left + x - 0.1, low, 0.2, 2.5 if x % 50 else 4) for x in range(0, int(RULER) + 1, 10)]
    out += ["0 0 0 rg", box(left, low - 0.1, RULER, 0.2), *ticks, "f"]
    said = f"this line must be {RULER:g} mm long: print at 100 %, not fitted to the page"
    name = f"regpipe board {board.name}: {board.columns} x {board.rows} squares of {board.square_mm:g} mm. Object in the middle."
    for x, text in ((left + RULER + 4, said), (left, name)):
        y = low if text is said else h / 2 + 3.0
        out.append(f"BT /F 3 Tf {x:.3f} {y:.3f} Td ({text}) Tj ET")
    return "\n".join(out)
