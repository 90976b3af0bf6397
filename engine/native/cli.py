"""The verb ``kernels``. Torch is imported when it runs, not before."""

from __future__ import annotations

import typer

from engine.console import note

ABOUT = """Compile Graft's preview for this machine (optional).

Previews then take about two thirds of the time on an x86-64 processor, and look the same. It needs a C++ compiler,
ninja and setuptools, takes under a minute, and is needed again after an update of Graft or torch. GRAFT_NATIVE=0 in
the environment switches the kernels off.

\b
Examples:
  python main.py kernels build
  python main.py kernels status
"""

app = typer.Typer(
    help=ABOUT, add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command()
def build() -> None:
    """Compile the kernels, try them, and use them from the next start on."""
    from engine.native.build import build_kernels

    path = build_kernels(note)
    typer.echo(f"Built {path}")


@app.command()
def status() -> None:
    """Tell whether the kernels are built, and whether they could be."""
    from engine.native.build import kernel_status

    found = kernel_status()
    if found.path is not None:
        typer.echo(f"Built: {found.path} ({found.size_bytes / 1e6:.1f} MB)")
    else:
        typer.echo(f"Not in use: {found.reason}.")
        typer.echo(found.buildable or "They can be built: python main.py kernels build")


@app.command()
def remove() -> None:
    """Delete the compiled files. Graft goes on without them."""
    from engine.native.build import remove_kernels

    typer.echo(f"Deleted {remove_kernels()} compiled file(s).")
