"""backproof pack: the zip file to hand in."""

from pathlib import Path

import click

from backproof.cli.options import FilePath


@click.command(short_help="Make the zip file to hand in.")
@click.option("--lastname", required=True, metavar="NAME", help="your last name, for the file's name")
@click.option(
    "--report",
    type=FilePath,
    default="report",
    show_default=True,
    metavar="FOLDER",
    help="the report's folder",
)
def pack(lastname: str, report: Path) -> None:
    """Write NAME_assignment1.zip into this folder: the report's PDF and all code, in the course's layout.

    The code in it needs its libraries alone: backproof comes along.
    """
    from backproof.cli.output import say
    from backproof.handin import zip_file

    path = Path(zip_file.file_name(lastname))
    files = zip_file.contents(report)
    zip_file.write(path, files)
    code = [name.removeprefix(f"{zip_file.CODE}/") for name in files if name.startswith(f"{zip_file.CODE}/")]
    course = [name for name in code if "/" not in name]
    pdf = len(files[f"{zip_file.TOP}/report.pdf"])
    say(
        f"{path}\n"
        f"report    {report / 'report.pdf'}, {pdf / 1e6:.1f} MB\n"
        f"code      {len(course)} files of the course, {len(code) - len(course)} of backproof; "
        "README.txt says how to run them"
    )
