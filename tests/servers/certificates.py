"""Authorities and certificates for tests, by openssl: FILE.pem with FILE.key in one directory."""

import subprocess
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(directory: Path, name: str) -> None:
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
    _openssl(directory, "req", "-x509", *_NEW_KEY, "-subj", f"/CN={name}", "-days", "2", *files)


def make_certificate(directory: Path, file: str, subject: str, authority: str) -> None:
    _openssl(directory, "req", *_NEW_KEY, "-subj", subject, "-keyout", f"{file}.key", "-out", f"{file}.csr")
    (directory / "names").write_text("subjectAltName=DNS:localhost")
    _openssl(
        directory, "x509", "-req", "-in", f"{file}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
        "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{file}.pem",
    )  # fmt: skip


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
