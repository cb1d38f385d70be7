"""The commands of `leadrelay`, and how each of them ends."""

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.faults import CommandFailed
from infra.cli.late_commands import LateGroup
from infra.cli.output import errors
from infra.cli.place import Options

_STOPPED = 130

app = typer.Typer(
    name="leadrelay",
    cls=LateGroup,
    help="Set LeadRelay up, see what became of any lead, and repair.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    ctx: typer.Context,
    stack: Annotated[
        str,
        typer.Option(envvar="STACK_NAME", help="A stack on AWS. Without it, the local stack if one runs."),
    ] = "",
    region: Annotated[str, typer.Option(envvar="AWS_REGION", help="Its region.")] = "",
    profile: Annotated[str, typer.Option(envvar="AWS_PROFILE", help="The profile of AWS credentials to use.")] = "",
    state_dir: Annotated[
        str, typer.Option(envvar="STATE_DIR", help="Where the local stack keeps its state.")
    ] = ".local",
) -> None:
    if ctx.obj is None:
        ctx.obj = Options(
            stack, region, profile, state_dir, is_aws=_is_typed(ctx, "region") or _is_typed(ctx, "profile")
        )


def _is_typed(ctx: typer.Context, name: str) -> bool:
    """Whether an option was typed, and is not there by its environment variable."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 all well; 1 not done, or faults were found; 2 wrong usage, or no stack; 130 Ctrl-C."""
    try:
        app(args=arguments)
    except SystemExit as ended:
        # What typer makes of Ctrl-C; it says nothing.
        return _end("Stopped.", _STOPPED) if ended.code == _STOPPED else int(ended.code or 0)
    except CommandFailed as failed:
        return _end(str(failed), failed.exit_code)
    except KeyboardInterrupt:
        return _end("Stopped.", _STOPPED)
    except Exception as error:
        return _ended_by(error)
    return 0


def _ended_by(error: Exception) -> int:
    """How a fault of AWS or of the network ends. Anything else is a bug, and keeps its trace."""
    import urllib3
    from botocore.exceptions import BotoCoreError, ClientError

    from infra.cli.aws_refusals import refusal

    if isinstance(error, BotoCoreError | ClientError):
        return _end(str(refusal(error)), 2)
    if isinstance(error, urllib3.exceptions.HTTPError | ConnectionError | TimeoutError):
        return _end(f"Nobody answered ({type(error).__name__}): is the stack up?", 2)
    raise error


def _end(sentence: str, code: int) -> int:
    errors().print(sentence, style="red", markup=False)
    return code
