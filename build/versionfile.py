"""What Windows shows of SteelGUI.exe under Properties, Details."""

from __future__ import annotations

import re


def text(number: str) -> str:
    """PyInstaller's version file for a version such as 0.1.0 or 1.2rc1."""
    parts = tuple(int(part) for part in re.findall(r"\d+", number)[:4])
    four = (*parts, 0, 0, 0, 0)[:4]
    words = {
        "CompanyName": "The SteelGUI team",
        "FileDescription": "SteelGUI",
        "FileVersion": number,
        "InternalName": "SteelGUI",
        "LegalCopyright": "The SteelGUI team, Apache License 2.0",
        "OriginalFilename": "SteelGUI.exe",
        "ProductName": "SteelGUI",
        "ProductVersion": number,
    }
    rows = ", ".join(f"StringStruct({name!r}, {value!r})" for name, value in words.items())
    # 0x0409 is English, 1200 Unicode.
    return f"""VSVersionInfo(
    ffi=FixedFileInfo(filevers={four}, prodvers={four}, mask=0x3F, flags=0x0, OS=0x40004, fileType=0x1, subtype=0x0,
                      date=(0, 0)),
    kids=[StringFileInfo([StringTable('040904B0', [{rows}])]), VarFileInfo([VarStruct('Translation', [1033, 1200])])],
)
"""
