"""The one table of commands: name, what it does, its options, and the handler, which is imported when it is used."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from kyc.cli.admin_options import add_alert_options, add_notify_options, add_token_options, add_user_options

Adder = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `handler` is `module:function` under `kyc.cli`, called with the arguments and the output."""

    name: str
    help: str
    handler: str
    group: str
    usage: str = ""
    add: Adder = lambda _: None
    shows: bool = True  # has --json


def _up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-d", "--detach", action="store_true", help="return when the master is healthy")
    parser.add_argument("--open", action="store_true", help="open the dashboard in a browser, signed in")
    parser.add_argument("--host", metavar="HOST", help="the address to listen at (default 127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="the port, 0 for any free one (default 7070)")
    parser.add_argument("--public-url", metavar="URL", help="how agents of other machines reach this master")
    parser.add_argument(
        "--stream",
        metavar="URL",
        help="the stream for the files, credential from KYC_STREAM_TOKEN (default: an embedded NATS server)",
    )
    parser.add_argument("--state", metavar="URL", help="the database (default: SQLite in KYC_HOME)")
    parser.add_argument("--local-mode", metavar="MODE", help="the local cloud: process, or isolated (own networks)")
    parser.add_argument("--edge", metavar="KIND", help="what balances services: envoy, haproxy, python, or auto")
    parser.add_argument("--terraform", metavar="PATH", help="the terraform or tofu to use (default: from PATH)")


def _down(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", dest="everything", help="first end every workload and instance")


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the workload file")
    parser.add_argument("-d", "--detach", action="store_true", help="do not wait for the job's end")
    parser.add_argument("--dry-run", action="store_true", help="show the parsed file, the offers and the cost only")
    parser.add_argument("--name", metavar="NAME", help="another name than the file's")
    parser.add_argument("--env", metavar="K=V", action="append", default=[], help="set a variable; may be repeated")


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the service file; of a running service: its next revision")
    parser.add_argument("-d", "--detach", action="store_true", help="do not wait until it answers")
    parser.add_argument("--dry-run", action="store_true", help="show the parsed file, the offers and the cost only")
    parser.add_argument("--name", metavar="NAME", help="another name than the file's")
    parser.add_argument("--env", metavar="K=V", action="append", default=[], help="set a variable; may be repeated")


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the workload's name")


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="an instance's id")


def _any_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="NAME|ID", help="a workload's name, or the id of an instance or deployment")


def _stop(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("-d", "--detach", action="store_true", help="do not wait for its end")


def _instances(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", dest="everything", help="also those that have ended")


def _logs(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until it ends")
    parser.add_argument("--replica", metavar="ID", help="only of this replica of a service, or attempt of a job")


def _events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="begin with the last ten, and go on for ever")
    parser.add_argument("--since", metavar="TIME", help="from then on: 10m, 2h, or 2026-05-01T12:00:00Z")
    parser.add_argument(
        "--kind",
        metavar="KIND",
        action="append",
        default=[],
        help="only these: job.started, or job (its steps: job.progress)",
    )
    parser.add_argument("--subject", metavar="ID", help="only about this workload, instance or deployment")


def _interrupt(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument(
        "--notice", metavar="SECONDS", type=float, default=120.0, help="how long before (default 120); 0: killed"
    )


def _snapshots(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--diff", metavar=("A", "B"), type=int, nargs=2, help="what changed from snapshot A to B")


def _verify(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--snapshot", metavar="N", type=int, help="which one (default: the newest)")
    which.add_argument("--all", action="store_true", dest="everything", help="every snapshot that is kept")


def _stream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb",
        choices=("check", "migrate", "list"),
        help="check: can a stream be relied on; migrate: move workloads to it; list: where each workload's files are",
    )
    urls = "kafka://…, nats://…, s3://…, gs://…, az://…, file:///…; migrate: or embedded, the master's own"
    parser.add_argument("url", metavar="URL", nargs="?", help=f"{urls}. The credential comes from KYC_STREAM_TOKEN")
    parser.add_argument("names", metavar="NAME", nargs="*", help="migrate: only these workloads (default: all)")
    parser.add_argument("-d", "--detach", action="store_true", help="migrate: do not wait for its end")


def _restore(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--snapshot", metavar="N", type=int, help="which one (default: the newest)")
    parser.add_argument("--to", metavar="DIR", required=True, help="a new or empty folder")


def _offers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpus", metavar="N", help="4 (exactly), 4+ or 4..8")
    parser.add_argument("--memory", metavar="GIB", help="16+, 16GB")
    parser.add_argument("--gpu", metavar="GPU", help="A100:1")
    parser.add_argument("--cloud", metavar="CLOUD", help="local, aws, gcp, azure or another")
    parser.add_argument("--region", metavar="REGION", help="such as us-east-1")
    parser.add_argument("--zone", metavar="ZONE", help="such as us-east-1a")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--spot", action="store_const", const=True, dest="spot", help="spot only")
    kind.add_argument("--on-demand", action="store_const", const=False, dest="spot", help="on-demand only")
    parser.add_argument("--max-price", metavar="USD", help="the most an hour may cost")
    parser.add_argument("--type", metavar="TYPE", help="the cloud's instance type")
    parser.add_argument("--arch", choices=("x86_64", "arm64"), help="the processor's architecture")
    parser.add_argument("--gpu-memory", metavar="GIB", help="of each GPU: 40+")
    parser.add_argument(
        "--sort",
        choices=("price", "value", "risk"),
        help="price (default); value: per vCPU, or per GiB of GPU memory; risk: price with what interruptions cost",
    )
    parser.add_argument("--group", choices=("cloud", "region", "type", "gpu"), help="only the best of each")
    parser.add_argument("--limit", metavar="N", type=int, default=50, help="how many to show (default 50)")


def _launch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--offer", metavar="ID", help="which offer (default: the cheapest spot offer)")
    parser.add_argument("-n", metavar="N", type=int, default=1, dest="count", help="how many instances (default 1)")
    parser.add_argument("-d", "--detach", action="store_true", help="do not wait until they exist")
    parser.add_argument("--plan", action="store_true", help="only show what would be made, and its cost")
    for name, what in (("cloud", "aws, gcp ..."), ("region", "us-east-1 ..."), ("zone", "us-east-1a ...")):
        parser.add_argument(f"--{name}", metavar=name.upper(), default="", help=f"of the offer: {what}")
    parser.add_argument("--type", metavar="TYPE", default="", help="the cloud's instance type")
    parser.add_argument("--on-demand", action="store_const", const=False, dest="spot", help="not spot")
    parser.add_argument("--max-price", metavar="USD", type=float, help="the most an hour may cost")
    parser.add_argument("--disk", metavar="GIB", type=int, help="the disk's size")
    parser.add_argument("--network", metavar="ID", default="", help="the provider's network (VPC), and")
    parser.add_argument("--subnet", metavar="ID", default="", help="its subnet (default: the region's usual ones)")
    parser.add_argument("--role", metavar="NAME", default="", help="an instance profile or service account")
    parser.add_argument("--image", metavar="ID", default="", help="an image (default: the newest Ubuntu LTS)")
    parser.add_argument("--tag", metavar="K=V", action="append", default=[], help="a tag or label; may be repeated")
    parser.add_argument(
        "--on-interruption", choices=("terminate", "stop", "hibernate"), default="terminate", help="(default terminate)"
    )
    parser.add_argument("--private", action="store_true", help="no public address")
    parser.add_argument("--account", metavar="NAME", default="", help="with --cloud: the account that pays")


def _terminate(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", metavar="ID", nargs="*", default=[], help="instances' ids")
    which.add_argument("--all", action="store_true", dest="everything", help="every instance; asks on a terminal")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("-d", "--detach", action="store_true", help="do not wait until they are gone")


def _cost(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one workload (default: everything)")
    parser.add_argument(
        "--by", choices=("workload", "day", "user"), default="workload", help="a row for each (default workload)"
    )
    parser.add_argument("--csv", action="store_true", help="print CSV, amounts to a millionth of a dollar")


def _budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=("set", "list", "remove"), help="what to do")
    parser.add_argument("scope", metavar="SCOPE", nargs="?", help="day, month, total, or a job's name")
    parser.add_argument("limit", metavar="USD", nargs="?", help="the limit, such as 12 or '12 USD'; 0: spend nothing")
    parser.add_argument(
        "--warn-at", metavar="SHARE", type=float, default=0.8, help="warn when this share is spent (default 0.8)"
    )


def _simulate(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="job|fleet|sweep|fit|service|trace")
    job = verbs.add_parser("job", help="a job with a deadline, on a recording of spot availability")
    job.add_argument("--traces", metavar="FILE", required=True, help="the recording (docs/simulate.md)")
    job.add_argument("--work", metavar="TIME", required=True, help="how long the work takes: 48h")
    job.add_argument("--deadline", metavar="TIME", required=True, help="when it must have ended: 52h")
    job.add_argument("--overhead", metavar="TIME", required=True, help="what each start costs: 12m")
    job.add_argument("--policy", metavar="NAME", default="ours", help="ours (default), greedy, uniform ...")
    job.add_argument("--zone", metavar="ZONE", help="one zone of the recording (default: all)")
    job.add_argument("--prior", metavar="FILE", help="what is believed of spot capacity before, as fit wrote it")
    job.add_argument("--every", metavar="TIME", help="start another run each TIME of a recording")
    fleet = verbs.add_parser("fleet", help="a job that may run in several zones, on recordings of all of them")
    sweep = verbs.add_parser("sweep", help="a job on every combination of terms and policies, on all cores")
    for verb, several in ((fleet, ""), (sweep, "; several with commas between")):
        many = {"nargs": "+"} if verb is sweep else {}
        verb.add_argument("--traces", metavar="FILE", required=True, help="the recordings", **many)
        verb.add_argument("--work", metavar="TIME", required=True, help=f"how long the work takes: 24h{several}")
        verb.add_argument("--deadline", metavar="TIME", required=True, help=f"when it must have ended: 36h{several}")
        verb.add_argument("--overhead", metavar="TIME", required=True, help=f"what each start costs: 12m{several}")
        verb.add_argument("--policy", metavar="NAME", default="ours", help=f"ours (default), greedy, uniform{several}")
        verb.add_argument("--cores", metavar="N", type=int, help="use so many processes (default: as many as cores)")
    fleet.add_argument("--zones", metavar="ZONE,ZONE", help="these zones of the recording only (default: all)")
    fleet.add_argument("--on-demand-price", metavar="USD", type=float, help="an hour on demand (default: the file's)")
    sweep.add_argument("--every", metavar="TIME", help="start another run each TIME of a recording")
    fit = verbs.add_parser("fit", help="learn what to believe of spot capacity, from recordings")
    fit.add_argument("--traces", metavar="FILE", required=True, nargs="+", help="the recordings")
    fit.add_argument("--regimes", metavar="N", type=int, default=5, help="kinds of zones to tell apart (default 5)")
    fit.add_argument("--out", metavar="FILE", required=True, help="where to write it, for simulate job --prior")
    service = verbs.add_parser("service", help="a service, on a recording of requests")
    service.add_argument("--requests", metavar="FILE", required=True, help="CSV with t_seconds,requests")
    service.add_argument("--capacity-rps", metavar="RPS", type=float, required=True, help="what one replica serves")
    service.add_argument("--scale", metavar="X", type=float, default=1.0, help="multiply the load (default 1)")
    service.add_argument("--replicas-per-instance", metavar="N", type=int, default=4, help="(default 4)")
    service.add_argument("--replica-start", metavar="TIME", default="2s", help="(default 2s)")
    service.add_argument("--instance-start", metavar="TIME", default="60s", help="(default 60s)")
    service.add_argument("--policy", metavar="NAME", default="ours", help="ours (default), hpa, kpa, skyserve, aws ...")
    for verb in (job, fleet, service):
        verb.add_argument("--chart", metavar="FILE", help="draw the run, as FILE.svg or FILE.png")
    trace = verbs.add_parser("trace", help="make a recording up, to try the others with")
    trace.add_argument(
        "--out", metavar="FILE", required=True, help="where to write it: a .json.gz, or .csv of requests"
    )
    trace.add_argument(
        "--requests", action="store_true", help="requests for simulate service, instead of spot capacity"
    )
    trace.add_argument("--span", metavar="TIME", default="14d", help="how long it is (default 14d)")
    trace.add_argument("--zones", metavar="N", type=int, default=3, help="how many zones (default 3)")
    trace.add_argument("--seed", metavar="N", type=int, default=1, help="the same seed makes the same recording")
    for verb in (job, fleet, sweep, fit, service, trace):
        verb.add_argument("--json", action="store_true", help="print one JSON document")


def _cloud(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=("add", "check", "list", "remove"), help="list: the clouds and their accounts")
    parser.add_argument("cloud", metavar="CLOUD", nargs="?", help="local, aws, gcp or azure")
    parser.add_argument("--name", metavar="NAME", default="default", help="which account (default: default)")
    parser.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        dest="given",
        help="add: fill in a field; FIELD=@FILE takes a file's content, FIELD=- a line of the standard input",
    )
    parser.add_argument(
        "--profile", metavar="NAME", help="add: the credentials of this profile of the cloud's own tool"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="remove: do not ask")


def _sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--everywhere", action="store_true", help="in every region, not only in those in use")
    parser.add_argument("--remove", action="store_true", help="end at once what is found")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("tf",), help="tf: plain Terraform files and their state")
    parser.add_argument("to", metavar="DIR", help="a new or empty folder")


def _catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb",
        choices=("info", "refresh", "import"),
        help="info: what prices there are, and their age; refresh: fetch new ones; import: take those of a file",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="for import: csv, csv.gz or parquet")
    parser.add_argument("--cloud", metavar="CLOUD", help="only this cloud, or this feed")
    parser.add_argument("--regions", action="store_true", help="info: each region by itself")
    parser.add_argument("-d", "--detach", action="store_true", help="refresh: do not wait for it")


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh"), help="bash, zsh, fish or tcsh")


_HERE, _WORK, _SEE, _BUY = "This machine's master", "Work", "See", "Machines and money"
_PEOPLE = "People"

COMMANDS = (
    Command(name="up", group=_HERE, handler="up:up", add=_up, help="start the master"),
    Command(name="down", group=_HERE, handler="down:down", add=_down, help="stop the master, or everything"),
    Command(name="doctor", group=_HERE, handler="doctor:doctor", help="what works here, and what to do about the rest"),
    Command(
        name="completion",
        group=_HERE,
        handler="completion:completion",
        add=_completion,
        shows=False,
        help="print the completion script for a shell",
    ),
    Command(name="run", group=_WORK, handler="work:run", add=_run, help="run a job, and follow it"),
    Command(name="serve", group=_WORK, handler="serve:serve", add=_serve, help="run a service behind one address"),
    Command(name="stop", group=_WORK, handler="work:stop", add=_stop, help="stop a workload; its files are kept"),
    Command(
        name="snapshots", group=_WORK, handler="files:snapshots", add=_snapshots, help="list a workload's snapshots"
    ),
    Command(name="verify", group=_WORK, handler="files:verify", add=_verify, help="read a workload's snapshots back"),
    Command(name="restore", group=_WORK, handler="files:restore", add=_restore, help="get a snapshot's files"),
    Command(name="stream", group=_WORK, handler="streams:stream", add=_stream, help="check a stream, or move to it"),
    Command(name="ps", group=_SEE, handler="ps:ps", help="list the workloads"),
    Command(name="show", group=_SEE, handler="see:show", add=_any_id, help="show one thing with all its facts"),
    Command(name="logs", group=_SEE, handler="see:logs", add=_logs, help="show what a workload printed"),
    Command(name="events", group=_SEE, handler="see:events", add=_events, help="show the timeline"),
    Command(name="why", group=_SEE, handler="see:why", add=_any_id, help="show the reasons behind what happened"),
    Command(name="instances", group=_BUY, handler="machines:instances", add=_instances, help="list the instances"),
    Command(name="offers", group=_BUY, handler="market:offers", add=_offers, help="search what can be bought"),
    Command(
        name="catalog",
        group=_BUY,
        handler="market:catalog",
        add=_catalog,
        help="what prices there are; fetch or import them",
    ),
    Command(name="launch", group=_BUY, handler="machines:launch", add=_launch, help="buy bare instances"),
    Command(name="terminate", group=_BUY, handler="machines:terminate", add=_terminate, help="give instances back"),
    Command(name="interrupt", group=_BUY, handler="machines:interrupt", add=_interrupt, help="force an interruption"),
    Command(name="cost", group=_BUY, handler="money:cost", add=_cost, help="show what was spent and saved"),
    Command(name="budget", group=_BUY, handler="money:budget", add=_budget, help="limit what may be spent"),
    Command(
        name="simulate",
        group=_BUY,
        handler="simulate:simulate",
        add=_simulate,
        help="what if, on recordings",
        shows=False,
    ),
    Command(name="sweep", group=_BUY, handler="cloud:sweep", add=_sweep, help="find what runs without being known"),
    Command(name="export", group=_BUY, handler="cloud:export", add=_export, help="Terraform's files of what exists"),
    Command(
        name="cloud",
        group=_BUY,
        handler="cloud:cloud",
        add=_cloud,
        help="add, check, list and remove accounts of clouds",
    ),
    Command(name="alert", group=_BUY, handler="admin:alert", add=add_alert_options, help="watch spot prices"),
    Command(name="user", group=_PEOPLE, handler="admin:user", add=add_user_options, help="who may sign in"),
    Command(name="token", group=_PEOPLE, handler="admin:token", add=add_token_options, help="tokens for programs"),
    Command(
        name="notify",
        group=_PEOPLE,
        handler="admin:notify",
        add=add_notify_options,
        help="tell people, where they read",
    ),
)
BY_NAME = {command.name: command for command in COMMANDS}
