"""A pytest plugin that measures tests and sends them to a pymon-bridge.

    pytest -p pymon_bridge --remote-server http://127.0.0.1:8080

It measures each test in the process that runs it. The reports of pytest carry the measurements to the process that
reports, which sends them: with pytest-xdist from the workers to the controller. No test fails because of this plugin,
and no exit status changes. What goes wrong here is a line on standard error.

The parts, from top to bottom:

    Clock       the clocks of the machine, out of reach of the tests
    hooks       what pytest calls first: options, and whether there is anything to do
    Settings    what the command line and the environment ask for
    facts       the machine, the commit, the CI system
    Meter       measures tests
    Reporter    makes the rows: what became of each test
    Client      sends rows over one kept connection

Installed as an entry point, it does nothing unless it is asked. So what only a measured run needs is imported where
that run begins.
"""

import functools
import os
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import pytest

NAME = "pymon_bridge"
METHOD = "m2"  # how this plugin measures; measurements by different methods do not compare
OTHER = "monitor"  # the name of pytest-monitor, which -p pymon_bridge replaces: two plugins would measure each other
INSIDE = "PYMON_INSIDE"  # set while tests are measured: a pytest that a test starts is not measured too
# Set by `pymon-bridge run`: the names of variables that only the command needs, separated by commas.
BY_RUN = "PYMON_RUN_TAKEOVER"
VARIABLES = ("PYMON_URL", "PYMON_TOKEN", "PYMON_RUN", "PYMON_TAGS", BY_RUN)

TOO_OLD = sys.version_info < (3, 8) or tuple(int(n) for n in pytest.__version__.split(".")[:2]) < (6, 2)

Row = Dict[str, Any]


class Clock:
    """The clocks as they were before any test. freezegun and similar libraries change modules, but not classes."""

    perf = staticmethod(time.perf_counter)
    sleep = staticmethod(time.sleep)
    gmtime = staticmethod(time.gmtime)
    strftime = staticmethod(time.strftime)
    start = time.time()
    origin = time.perf_counter()
    offset = time.localtime(start).tm_gmtoff  # seconds east of Greenwich

    @classmethod
    def now(cls) -> float:
        """Returns the seconds since 1970, in UTC."""
        return cls.start + cls.perf() - cls.origin

    @classmethod
    def text(cls, moment: float) -> str:
        """Returns a moment as local time, with the offset that the session states."""
        whole, micro = divmod(round((moment + cls.offset) * 1000000), 1000000)
        return cls.strftime("%Y-%m-%dT%H:%M:%S", cls.gmtime(whole)) + ".%06d" % micro


def complain(text: str) -> None:
    """Writes a line on standard error."""
    try:
        sys.stderr.write("\npymon-bridge: " + text + "\n")
    except (AttributeError, OSError, ValueError):
        pass  # there is no standard error


def harmless(method: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a method return None where it would fail, because no test may fail by being measured."""
    complained = []

    @functools.wraps(method)
    def guarded(*args: Any) -> Any:
        try:
            return method(*args)
        except Exception as error:
            if not complained:
                complained.append(error)
                complain("{} failed, so measurements may be missing: {!r}".format(method.__name__, error))
            return None

    return guarded


# ---- hooks: options, and whether there is anything to do -------------------------------------------------------------


def pytest_addoption(parser: Any, pluginmanager: Any) -> None:
    """Blocks pytest-monitor, which pytest loads later, where -p names this plugin."""
    if not TOO_OLD and settings_of(pluginmanager.get_plugin("pytestconfig")).named:
        pluginmanager.set_blocked(OTHER)


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any, args: List[str]) -> Iterator[None]:
    """Adds the options of pytest-monitor. Conftests come first: they may define options of the same names."""
    settings = settings_of(early_config)
    asked = not TOO_OLD and settings.asked(args) and not early_config.pluginmanager.hasplugin(OTHER)
    if asked:
        forget_values(early_config.known_args_namespace, args)
    yield
    if asked:
        taken = option_names(parser)
        free = [option for option in OPTIONS if option[0] not in taken]
        if settings.asked([]) or any(name == "--remote-server" for name, _ in free):
            group = parser.getgroup("pymon-bridge", "measurements for pymon-bridge")
            for name, keywords in free:
                group.addoption(name, **keywords)
                settings.options.add(keywords["dest"])


def pytest_configure(config: Any) -> None:
    """Registers the parts that work, if there is something to do."""
    settings = settings_of(config)
    if TOO_OLD:
        if settings.named:
            complain("nothing is measured: this needs Python 3.8 and pytest 6.2, or newer")
        return
    if config.pluginmanager.hasplugin(OTHER):
        mend_node_id()
        return
    if settings.options:
        for marker in MARKERS:
            config.addinivalue_line("markers", marker)
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:  # a worker of pytest-xdist
        if NAME in workerinput:
            config.pluginmanager.register(Meter(config), NAME + "_meter")
        return
    url = settings.url(config)
    if not url or any(getattr(config.option, name, False) for name in NOTHING_RUNS):
        return
    if settings.option(config, "mtr_force_component") and settings.option(config, "mtr_component_prefix"):
        raise pytest.UsageError("--force-component and --component-prefix exclude each other")
    try:
        reporter = Reporter(config, settings, Meter(config), Client(url, settings.environ.get("PYMON_TOKEN")))
    except (OSError, ValueError) as error:
        complain("nothing is sent: {}".format(error))
        return
    os.environ[INSIDE] = "1"
    config.pluginmanager.register(reporter.meter, NAME + "_meter")
    config.pluginmanager.register(reporter, NAME + "_reporter")


def pytest_unconfigure(config: Any) -> None:
    """Puts the environment back, for a program that runs pytest twice."""
    if config.pluginmanager.hasplugin(NAME + "_reporter") and not settings_of(config).inside:
        os.environ.pop(INSIDE, None)
    os.environ.update(settings_of(config).taken)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: Any, specs: List[Any]) -> None:
    """Gives workers of pytest-xdist what made pytest load this plugin here."""
    for spec in specs:
        if spec.popen:
            spec.env.update(settings_of(config).taken)


def pytest_make_parametrize_id(config: Any, val: Any, argname: str) -> Optional[str]:
    return "{}={}".format(argname, val) if settings_of(config).option(config, "mtr_want_explicit_ids") else None


# The options of pytest-monitor.
OPTIONS: Tuple[Tuple[str, Dict[str, Any]], ...] = (
    ("--remote-server", dict(dest="mtr_remote", metavar="URL", help="address of the pymon-bridge to send to")),
    ("--tag", dict(dest="mtr_tags", metavar="NAME=VALUE", action="append", default=[], help="a tag of this run")),
    ("--description", dict(dest="mtr_description", metavar="TEXT", default="", help="a description of this run")),
    ("--restrict-scope-to", dict(dest="mtr_scope", metavar="KINDS", default="function",
                                 help="what to measure: function, module or function,module")),
    ("--component-prefix", dict(dest="mtr_component_prefix", metavar="NAME", help="goes before each component")),
    ("--force-component", dict(dest="mtr_force_component", metavar="NAME", help="the component of all tests")),
    ("--parametrization-explicit", dict(dest="mtr_want_explicit_ids", action="store_true",
                                        help="put the names of parameters into ids")),
    ("--no-monitor", dict(dest="mtr_none", action="store_true", help="measure and send nothing")),
    ("--no-gc", dict(dest="mtr_disable_gc", action="store_true", help="changes nothing")),
    ("--db", dict(dest="mtr_db_out", metavar="FILE", help="changes nothing")),
    ("--no-db", dict(dest="mtr_no_db", action="store_true", help="changes nothing")),
)

MARKERS = (
    "monitor_skip_test: do not measure this test",
    "monitor_skip_test_if(condition): do not measure this test if the condition is true",
    "monitor_test: measure this test where the rest of its module is not measured",
    "monitor_test_if(condition): the same if the condition is true",
)

NOTHING_RUNS = ("mtr_none", "collectonly", "setuponly", "setupplan", "showfixtures", "show_fixtures_per_test",
                "cacheshow")


@harmless
def forget_values(known: Any, args: List[str]) -> None:
    """Takes the values of options, which pytest does not know yet, out of what it takes for test files.

    With such a file pytest would not look for conftests in its testpaths.
    """
    takes_value = [name for name, keywords in OPTIONS if keywords.get("action") != "store_true"]
    for name, value in zip(args, args[1:]):
        if name in takes_value and value in known.file_or_dir:
            known.file_or_dir.remove(value)


def option_names(parser: Any) -> Set[str]:
    """Returns the names of the options that are defined."""
    groups = list(parser._groups) + [parser._anonymous]
    return {name for group in groups for option in group.options for name in option.names()}


def mend_node_id() -> None:
    """Lets pytest-monitor 1.6 work on pytest 9.2 and newer, where a node has no _nodeid."""
    from _pytest.nodes import Node

    class NodeID:  # has no __set__: where pytest stores the attribute, a node has its own
        def __get__(self, node: Any, owner: Any = None) -> Any:
            return self if node is None else node.nodeid

    if not hasattr(Node, "_nodeid"):
        Node._nodeid = NodeID()


# ---- what the command line and the environment ask for ---------------------------------------------------------------


class Settings:
    """What is asked of the plugin. It is read once, before the parts of `run` leave the environment."""

    def __init__(self, config: Any) -> None:
        self.environ = {name: os.environ[name] for name in VARIABLES if name in os.environ}
        self.inside = INSIDE in os.environ
        try:
            self.arguments = [str(arg) for arg in config.invocation_params.args]
        except AttributeError:
            self.arguments = []  # this pytest is too old
        try:
            self.addopts = list(config.getini("addopts"))
        except (KeyError, ValueError):
            self.addopts = []  # the plugin was loaded before pytest has read its configuration
        args = self.addopts + os.environ.get("PYTEST_ADDOPTS", "").split() + self.arguments
        self.named = "-p" + NAME in args or ("-p", NAME) in zip(args, args[1:])
        self.options: Set[str] = set()  # the options that this plugin has added
        self.taken = take_out() if BY_RUN in self.environ else {}

    def asked(self, args: List[str]) -> bool:
        """Says whether somebody wants the plugin to do something."""
        return self.named or "PYMON_URL" in self.environ or names_server(args)

    def option(self, config: Any, dest: str) -> Any:
        """Returns the value of an option, or None where a conftest has defined it for something else."""
        return getattr(config.option, dest, None) if dest in self.options else None

    def url(self, config: Any) -> Optional[str]:
        """Returns the address to send to. The command line wins, except over `run`, which has a bridge of its own."""
        option, variable = self.option(config, "mtr_remote"), self.environ.get("PYMON_URL")
        if BY_RUN in self.environ:
            return variable
        if self.inside and not names_server(self.arguments):
            return None
        return option or variable


def settings_of(config: Any) -> Settings:
    """Returns what is asked of the plugin in a run of pytest."""
    if not hasattr(config, NAME):
        setattr(config, NAME, Settings(config))
    return getattr(config, NAME)


def names_server(args: List[str]) -> bool:
    return any(arg.split("=")[0] == "--remote-server" for arg in args)


def take_out() -> Dict[str, str]:
    """Takes what `pymon-bridge run` has added out of the environment, so that tests do not see it.

    Returns the variables as they were.
    """
    own = list(VARIABLES) + os.environ[BY_RUN].split(",")
    taken = {name: os.environ[name] for name in own + ["PYTHONPATH", "PYTEST_ADDOPTS"] if name in os.environ}
    here = os.path.dirname(os.path.abspath(__file__))
    paths = taken.get("PYTHONPATH", "").split(os.pathsep)
    rest = dict.fromkeys(own, "")
    rest["PYTHONPATH"] = os.pathsep.join(path for path in paths if path != here)
    rest["PYTEST_ADDOPTS"] = taken.get("PYTEST_ADDOPTS", "").replace("-p " + NAME, "", 1).strip()
    for name in taken:
        if rest[name]:
            os.environ[name] = rest[name]
        else:
            del os.environ[name]
    return taken


# ---- facts: the machine, the commit, the CI system -------------------------------------------------------------------


def machine() -> Row:
    """Returns what is known of this machine and this Python: a context of the protocol."""
    import hashlib
    import platform

    system = platform.uname()
    context: Row = dict(
        cpu_count=os.cpu_count() or 0,
        cpu_frequency=0.0,  # it varies from moment to moment, and contexts would too
        cpu_type=platform.processor(),
        cpu_vendor=cpu_model() or platform.processor(),
        ram_total=memory_size(),
        machine_node=system.node,
        machine_type=system.machine,
        machine_arch="64bit" if sys.maxsize > 2**32 else "32bit",
        system_info="{} - {}".format(system.system, system.release),
        python_info=sys.version,
    )
    context["h"] = hashlib.sha256(repr(sorted(context.items())).encode(errors="replace")).hexdigest()[:32]
    return context


def cpu_model() -> str:
    if sys.platform == "darwin":
        return output_of("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return ""


def memory_size() -> int:
    """Returns the memory of the machine in MiB, or 0 where it is unknown."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20)
    except (AttributeError, OSError, ValueError):
        return 0


def output_of(*command: str, timeout: float = 10) -> str:
    """Returns what a command prints, or an empty text where it fails or takes longer than timeout, in seconds."""
    from subprocess import DEVNULL, PIPE, SubprocessError, run

    try:
        done = run(command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, timeout=timeout)
    except (OSError, SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


class CI(NamedTuple):
    """A CI system and the names of its variables."""

    name: str
    run: Tuple[str, ...]  # what identifies a run; the first variable tells that the CI system is there
    build: str
    branch: Tuple[str, ...]  # the first one that is set counts
    target: str  # the branch that a pull request goes into
    commit: str

    def tags(self, env: Dict[str, str]) -> Dict[str, str]:
        """Returns the tags of a session in this CI system."""
        tags = {"__ci__": self.name, "run": "-".join([self.name] + [env[name] for name in self.run if env.get(name)])}
        if env.get(self.build):
            tags["pipeline_build_no"] = env[self.build]
        branch = next((env[name] for name in self.branch if env.get(name)), "")
        for prefix in ("refs/heads/", "origin/"):
            branch = branch[len(prefix):] if branch.startswith(prefix) else branch
        if branch and branch == env.get(self.target, ""):
            branch += " of a fork"  # its tests say nothing about the branch of the same name here
        if branch and env.get("GITHUB_REF_TYPE") != "tag":
            tags["branch"] = tags["pipeline_branch"] = branch
        return tags


CI_SYSTEMS = (
    CI("github", ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"), "GITHUB_RUN_NUMBER",
       ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"), "GITHUB_BASE_REF", "GITHUB_SHA"),
    CI("gitlabci", ("CI_PIPELINE_ID",), "CI_PIPELINE_IID", ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH"),
       "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_COMMIT_SHA"),
    CI("azure", ("BUILD_BUILDID", "SYSTEM_STAGEATTEMPT"), "BUILD_BUILDNUMBER",
       ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH"), "SYSTEM_PULLREQUEST_TARGETBRANCH",
       "BUILD_SOURCEVERSION"),
    CI("circleci", ("CIRCLE_WORKFLOW_ID",), "CIRCLE_BUILD_NUM", ("CIRCLE_BRANCH",), "", "CIRCLE_SHA1"),
    CI("buildkite", ("BUILDKITE_BUILD_ID", "BUILDKITE_RETRY_COUNT"), "BUILDKITE_BUILD_NUMBER",
       ("BUILDKITE_BRANCH",), "BUILDKITE_PULL_REQUEST_BASE_BRANCH", "BUILDKITE_COMMIT"),
    CI("jenkinsci", ("BUILD_TAG",), "BUILD_NUMBER", ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"), "CHANGE_TARGET",
       "GIT_COMMIT"),
)


def ci_system(env: Dict[str, str]) -> Optional[CI]:
    return next((ci for ci in CI_SYSTEMS if env.get(ci.run[0])), None)


def commit(env: Dict[str, str]) -> str:
    """Returns the commit of the working directory, or an empty text.

    git refuses to answer in a checkout of another user, as containers of CI systems have it. Then the CI system knows.
    """
    ci = ci_system(env)
    return output_of("git", "rev-parse", "HEAD") or (env.get(ci.commit, "") if ci else "")


def dirty() -> bool:
    """Says whether somebody has changed the working directory since its commit.

    Files that git does not know count where pytest could collect them. Other ones are often the output of programs.
    """
    changes = output_of("git", "--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=all", timeout=1)
    return any(not change.startswith("?? ") or change.endswith(".py") for change in changes.split("\0") if change)


def session_tags(
    settings: Settings, config: Any, env: Dict[str, str], own: str, selection: Optional[str]
) -> Dict[str, str]:
    """Returns the tags of the session. Of equal names the last one wins: CI system, environment, command line."""
    ci = ci_system(env)
    tags = ci.tags(env) if ci else {"dirty": "yes"} if dirty() else {}
    if selection or not ci:
        tags["run"] = own  # what is run again, in the same pipeline, is a run of its own
    tags.update(pair(line) for line in settings.environ.get("PYMON_TAGS", "").splitlines() if line)
    tags["run"] = settings.environ.get("PYMON_RUN") or tags["run"]
    environment = env.get("TOX_ENV_NAME") or env.get("NOX_CURRENT_SESSION")
    if environment:
        tags["run"] += "-" + environment
    if settings.option(config, "mtr_description"):
        tags["description"] = config.option.mtr_description
    tags.update(pair(tag) for tag in settings.option(config, "mtr_tags") or [])
    return tags


def pair(tag: str) -> Tuple[str, str]:
    name, _, value = tag.partition("=")
    return name, value


# ---- Meter: measures tests where they run ----------------------------------------------------------------------------


class Memory:
    """The peak of the resident memory of this process, which the kernel of Linux keeps, and resets on demand.

    Elsewhere nothing is measured, since a peak that cannot be reset says nothing about one test. The functions are
    kept before the first test, because tests replace open and similar functions.
    """

    open, read, write, close = map(staticmethod, (os.open, os.read, os.write, os.close))
    reading, writing = os.O_RDONLY, os.O_WRONLY

    def __init__(self) -> None:
        from mmap import mmap

        try:
            with mmap(-1, 16 * 2**20) as block:  # the memory goes back to the kernel at once
                for page in range(0, len(block), 4096):
                    block[page] = 1
                peak = self.peak()
            self.works = self.restart() < peak - 8  # some kernels take the reset and ignore it
        except (IndexError, OSError, ValueError):
            self.works = False

    def restart(self) -> float:
        """Resets the peak to what is resident now, and returns that in MiB."""
        file = self.open("/proc/self/clear_refs", self.writing)
        try:
            self.write(file, b"5")
        finally:
            self.close(file)
        return self.peak()

    def peak(self) -> float:
        """Returns the peak since the last reset in MiB."""
        file = self.open("/proc/self/status", self.reading)
        try:
            return int(self.read(file, 65536).split(b"VmHWM:", 1)[1].split(None, 1)[0]) / 1024.0
        finally:
            self.close(file)


def cpu_clock() -> Callable[[], Tuple[float, float]]:
    """Returns a function for the CPU time of this process: seconds as user, seconds in the kernel."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # Windows
        return lambda: os.times()[:2]
    return lambda: getrusage(RUSAGE_SELF)[:2]


class Meter:
    """Measures the phases of each test, and attaches the measurements to the reports of pytest.

    They are attached as text, which passes through every plugin that carries reports to another process.
    """

    def __init__(self, config: Any) -> None:
        from json import dumps

        self.dumps, self.cpu, self.memory, self.context = dumps, cpu_clock(), Memory(), machine()
        self.output = getattr(config, "workeroutput", None)  # what a worker of pytest-xdist tells at its end
        self.tells_context = self.output is not None  # a worker may be on another machine than the controller
        self.first = self.resident()
        self.module: Any = None  # the module that is running
        self.module_start = self.moment()

    def moment(self) -> Tuple[float, ...]:
        """Returns a moment to measure from: the time, the CPU time as user and in the kernel, the stop watch."""
        return (Clock.now(),) + tuple(self.cpu()) + (Clock.perf(),)

    def since(self, moment: Tuple[float, ...]) -> Row:
        """Returns what was used since a moment."""
        seconds, cpu = Clock.perf() - moment[3], self.cpu()
        user, kernel = cpu[0] - moment[1], cpu[1] - moment[2]
        share = (user + kernel) / seconds if seconds else 0.0
        return dict(start=moment[0], total_time=seconds, user_time=user, kernel_time=kernel, cpu_usage=share)

    @harmless
    def resident(self) -> Optional[float]:
        """Begins to measure memory. Returns what is resident now in MiB."""
        return self.memory.restart() if self.memory.works else None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: Any) -> Iterator[None]:
        self.enter_module(item)
        start = Clock.perf()
        yield
        self.after_setup(item, Clock.perf() - start)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: Any) -> Iterator[None]:
        resident, start = self.resident(), self.moment()
        yield
        self.after_call(item, self.since(start), resident)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: Any, nextitem: Any) -> Iterator[None]:
        start = Clock.perf()
        yield
        self.after_teardown(item, Clock.perf() - start, nextitem)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        result = yield
        self.attach(item, result)

    def pytest_deselected(self, items: List[Any]) -> None:
        if self.output is not None:
            self.output[NAME] = self.output.get(NAME, 0) + len(items)

    @harmless
    def after_setup(self, item: Any, seconds: float) -> None:
        measured = dict(
            names_of(item), start=Clock.now() - seconds, setup_time=seconds, context_h=self.context["h"]
        )
        if self.tells_context:
            measured["context"], self.tells_context = self.context, False
        setattr(item, NAME, measured)

    @harmless
    def after_call(self, item: Any, measured: Row, resident: Optional[float]) -> None:
        setattr(item, NAME, measured)  # first: where memory cannot be read, the rest is kept
        if resident is not None:
            peak = self.memory.peak()
            measured.update(mem_peak=peak, mem_test=max(peak - resident, 0.0))

    @harmless
    def after_teardown(self, item: Any, seconds: float, nextitem: Any) -> None:
        setattr(item, NAME, dict(teardown_time=seconds, module=self.leave_module(nextitem)))

    @harmless
    def attach(self, item: Any, result: Any) -> None:
        """Attaches what was measured to a report. The report of a subtest comes within a phase, and gets nothing."""
        measured = item.__dict__.pop(NAME, None)
        if measured and result.excinfo is None:
            setattr(result.get_result(), NAME, self.dumps(measured))

    @harmless
    def enter_module(self, item: Any) -> None:
        module = module_of(item)
        if module is not self.module:
            self.module, self.module_start = module, self.moment()

    def leave_module(self, nextitem: Any) -> Optional[Row]:
        """Returns the measurements of a whole module after its last test."""
        module = self.module
        if module is None or module is module_of(nextitem):
            return None
        self.module = None
        resident, name = self.resident(), module.name[:-3]
        return dict(
            self.since(self.module_start),
            mem_usage=None if resident is None or self.first is None else resident - self.first,
            item=name, item_path=module.obj.__name__[:-len(name) - 1], item_variant="", item_fs_loc=module.nodeid,
            component=component_of(module.obj), context_h=self.context["h"],
        )


def module_of(item: Any) -> Any:
    """Returns the module of a test function, or None."""
    return item.getparent(pytest.Module) if isinstance(item, pytest.Function) else None


def component_of(module: Any) -> str:
    return str(getattr(module, "pytest_monitor_component", ""))


def names_of(item: Any) -> Row:
    """Returns the names of a test as pytest-monitor forms them."""
    module = getattr(item, "module", None)
    return dict(
        item_path=getattr(module, "__name__", None) or dotted(item.nodeid.split("::")[0]),
        item=getattr(item, "originalname", None) or item.name,
        item_variant=item.name.replace("-", ", "),
        item_fs_loc=str(item.location[0]),
        component=component_of(module),
        skip=is_skipped(item),
        nodeid=nodeid_of(item),
    )


def nodeid_of(item: Any) -> str:
    """Returns a node id without the group that --dist=loadgroup of pytest-xdist appends."""
    own = "{}::{}".format(item.parent.nodeid, item.name)
    return own if item.nodeid.startswith(own + "@") else item.nodeid


def dotted(path: str) -> str:
    """Returns the name of the module in a file."""
    return (path[:-3] if path.endswith(".py") else path).replace("/", ".")


def is_skipped(item: Any) -> bool:
    """Says whether markers keep a test from being measured. Those that ask for it win."""
    marks = {mark.name: mark for mark in item.iter_markers() if mark.name.startswith("monitor_")}

    def says(name: str) -> bool:
        condition = marks.get(name + "_if")
        return name in marks or condition is not None and bool(condition.args and condition.args[0])

    return says("monitor_skip_test") and not says("monitor_test")


# ---- Reporter: what became of each test ------------------------------------------------------------------------------

MEASUREMENTS = ("total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage")
MORE = ("setup_time", "teardown_time", "mem_peak", "mem_test")
ORDER = ("failed", "error")  # these outcomes win over others where the phases of a test have different ones


def outcome_of(report: Any) -> Optional[str]:
    """Returns the outcome that a report gives its test, or None."""
    if report.failed:
        return "error" if report.when in ("setup", "teardown") else "failed"
    if hasattr(report, "context"):
        return None  # of a subtest
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.when == "call" and report.passed:
        return "xpassed" if hasattr(report, "wasxfail") else "passed"
    return None


class Running:
    """A test that is running, and its last attempt."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        self.measured: Row = {}
        self.outcomes: List[str] = []
        self.again = False  # pytest-rerunfailures begins another attempt

    @property
    def outcome(self) -> Optional[str]:
        return next((outcome for outcome in list(ORDER) + self.outcomes if outcome in self.outcomes), None)


class Reporter:
    """Makes a row of each test. It works in the process that reports: with pytest-xdist, in the controller."""

    def __init__(self, config: Any, settings: Settings, meter: Meter, client: "Client") -> None:
        from json import loads

        self.config, self.settings, self.meter, self.client, self.loads = config, settings, meter, client, loads
        self.getpid, self.pid = os.getpid, os.getpid()
        self.patience = patience()  # now: tests may change the environment
        self.session: Row = {}
        self.running: Dict[Any, Running] = {}
        self.contexts: Set[str] = set()  # the hashes of those that were sent
        self.finished = self.deselected = 0
        self.in_protocol = False
        self.interrupted = self.failed_before = False
        scope = settings.option(config, "mtr_scope") or "function"
        self.functions, self.modules = "function" in scope, "module" in scope

    def is_fork(self) -> bool:
        """Says whether this is a child process that a test has forked. It sends nothing."""
        return self.getpid() != self.pid

    # -- the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Any) -> None:
        self.begin()

    @harmless
    def begin(self) -> None:
        env, own, rerun = dict(os.environ), os.urandom(16).hex(), self.rerun()
        self.failed_before = rerun == "--lf" and bool(self.config.cache.get("cache/lastfailed", None))
        self.send_context(self.meter.context)
        self.session = dict(
            session_h=own,
            run_date=Clock.text(Clock.now()),
            scm_ref=commit(env),
            description=session_tags(self.settings, self.config, env, own, self.selection() or rerun),
            utc_offset=Clock.offset,
            method=METHOD,
        )
        self.client.add("sessions/", self.session)
        self.client.flush()

    def send_context(self, context: Row) -> None:
        if context["h"] not in self.contexts:
            self.contexts.add(context["h"])
            self.client.add("contexts/", context)

    def pytest_deselected(self, items: List[Any]) -> None:
        self.deselected += len(items)

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self.interrupted = True

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> Iterator[None]:
        yield  # first comes the summary of pytest: nobody waits for it because of the bridge
        if not self.is_fork():
            self.end(session)

    @harmless
    def end(self, session: Any) -> None:
        for key in list(self.running):
            self.finish(key)
        ending = dict(
            exit_status=int(session.exitstatus),
            collected=session.testscollected + self.deselected,
            deselected=self.deselected,
            partial=self.stopped(session) or self.selection() or (self.rerun() if self.leaves_out() else None),
        )
        self.client.add("end", dict(self.session, **ending))
        try:
            self.client.finish(self.patience)
        except KeyboardInterrupt:
            pass  # somebody does not want to wait
        self.client.tell()

    def stopped(self, session: Any) -> Optional[str]:
        """Says why pytest ended before the last test, or returns None."""
        most = getattr(self.config.option, "maxfail", 0)
        if self.interrupted:
            return "interrupted"
        if most and session.testsfailed >= most and self.finished < session.testscollected:
            return "-x" if most == 1 else "--maxfail"
        # A ^C that comes while pytest handles another one, or another end that nobody states, leaves the status at 0.
        unstated = "interrupted" if self.finished < session.testscollected else None
        return {2: "interrupted", 3: "crashed", 4: "usage error"}.get(int(session.exitstatus), unstated)

    def selection(self) -> Optional[str]:
        """Says what keeps tests of the suite out of this run, or returns None.

        The addopts of the project belong to the suite.
        """
        option, addopts = self.config.option, self.settings.addopts
        if getattr(option, "keyword", "") and not any(arg.startswith("-k") for arg in addopts):
            return "-k"
        if getattr(option, "deselect", None) and not any(arg.startswith("--deselect") for arg in addopts):
            return "--deselect"
        return "node ids" if any("::" in str(arg) for arg in self.config.args) else None

    def rerun(self) -> Optional[str]:
        """Returns the option that runs tests of an earlier run again, or None. Where none has failed, it runs all."""
        return next(("--" + name for name in ("lf", "stepwise") if getattr(self.config.option, name, False)), None)

    def leaves_out(self) -> bool:
        """Says whether tests were left out. --lf passes over files without deselecting their tests."""
        return self.deselected > 0 or self.failed_before

    # -- pytest-xdist

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[NAME] = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        told = getattr(node, "workeroutput", None) or {}
        self.deselected = max(self.deselected, told.get(NAME, 0))

    # -- the tests

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        """Sends after everything that belongs to a test: pytest-timeout counts the time of its reports too."""
        self.in_protocol = True
        yield
        self.in_protocol = False
        self.send()

    @harmless
    def send(self) -> None:
        if not self.in_protocol and not self.is_fork():
            self.client.flush_when_due()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if not self.is_fork():
            self.take(report)
            self.send()  # with pytest-xdist: the controller runs no protocol

    @harmless
    def take(self, report: Any) -> None:
        key = (report.nodeid, getattr(report, "node", None))  # several workers may run the same test
        test = self.running.get(key)
        if test is None or report.when == "setup":
            test = self.running[key] = Running(test.attempts + 1 if test else 1)
        test.measured.update(self.loads(getattr(report, NAME, "{}")))
        test.again = test.again or report.outcome == "rerun"
        outcome = outcome_of(report)
        if outcome:
            test.outcomes.append(outcome)
        if report.when not in ("setup", "call") and not test.again:  # the teardown, or a worker has crashed
            self.finish(key)

    def finish(self, key: Any) -> None:
        """Makes the row of a test, and of a module after its last test."""
        test = self.running.pop(key)
        measured = test.measured
        if test.outcome is None:
            return  # it was interrupted, and pytest does not count it either
        self.finished += 1
        if "context" in measured:
            self.send_context(measured["context"])
        if measured.get("module") and self.modules:
            self.add_metric(self.row("module", measured["module"]))
        if measured.get("skip") or not self.functions:
            measured = {name: value for name, value in measured.items() if name not in MEASUREMENTS + MORE}
        row = self.row("function", dict(names_in(key[0]), mem_usage=measured.get("mem_test"), **measured))
        row.update(nodeid=measured.get("nodeid", key[0]), outcome=test.outcome, attempts=test.attempts)
        row.update((name, measured.get(name)) for name in MORE)
        if test.outcome in ("passed", "xpassed") and row["total_time"] is not None:
            self.add_metric(row)
        else:
            self.client.add("outcomes/", row)

    def add_metric(self, row: Row) -> None:
        if row["mem_usage"] is None:
            row["mem_usage"] = float("nan")  # other servers take no null here
        self.client.add("metrics/", row)

    def row(self, kind: str, measured: Row) -> Row:
        """Returns the 14 fields of pytest-monitor."""
        row: Row = dict(
            session_h=self.session["session_h"],
            context_h=measured.get("context_h") or self.meter.context["h"],
            item_start_time=Clock.text(measured.get("start", Clock.now())),
            kind=kind,
            component=self.component(measured["component"]),
        )
        for name in ("item_path", "item", "item_variant", "item_fs_loc") + MEASUREMENTS:
            row[name] = measured.get(name)
        return row

    def component(self, own: str) -> str:
        prefix = self.settings.option(self.config, "mtr_component_prefix")
        return self.settings.option(self.config, "mtr_force_component") or ".".join(filter(None, (prefix, own)))


def patience() -> float:
    """Returns how many seconds to wait at the end for a bridge that is away."""
    try:
        return min(max(float(os.environ.get("PYMON_WAIT") or 10), 0.0), 3600.0)
    except ValueError:
        return 10.0


def names_in(nodeid: str) -> Row:
    """Returns the names of a test whose process has ended before it could tell them."""
    path, _, rest = nodeid.partition("::")
    function, bracket, parameters = rest.partition("[")
    function = function.rpartition("::")[2]
    variant = (function + bracket + parameters).replace("-", ", ")
    return dict(item_path=dotted(path), item=function, item_variant=variant, item_fs_loc=path, component="")


# ---- Client: sends rows ----------------------------------------------------------------------------------------------

ROUTES = ("metrics/", "outcomes/")  # of rows
ROWS = 100  # in one request
ANSWER = 1 << 20  # bytes that are read of an answer
KEPT = 100000  # rows that wait at most: a bridge that is away must not take the memory of the tests
LIMIT = 2.0  # seconds that a request may take while tests run
AGAIN = 2.0  # seconds at least from a failure to the next try
LATER = (0, 408, 425, 429, 500, 502, 503, 504)  # the same request may succeed later; 0 is no answer
NEVER = (401, 403, 404, 405)  # no request will succeed, and neither where another server redirects or says 200
UNLIKE_LISTS = (401, 403, 413, 429, 503)  # these answers do not mean that a server takes no lists


def split(url: str) -> Tuple[Any, Optional[int]]:
    """Returns the parts of an address, and its port. No failure shows any part of it, because it may be a password."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url if "//" in url else "http://" + url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as http://127.0.0.1:8080")
    if "@" in parts.path + parts.query + parts.fragment:  # what comes before may be the begin of a password
        raise ValueError("expected an address in whose password /, ? and # are written as %2F, %3F and %23")
    return parts, port


def one_line(text: str) -> str:
    """Returns what a server says as one short line that a terminal shows."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:200]


class Client:
    """Sends rows over one kept connection, between tests and without a thread.

    What the bridge does not take now waits. While it is away, there is one try in two seconds, or in ten times as long
    as a try takes. A row may be sent twice, because the bridge keeps it once.
    """

    def __init__(self, url: str, token: Optional[str]) -> None:
        import re
        import selectors
        from base64 import b64encode
        from http import client as http
        from json import dumps, loads
        from socket import timeout
        from urllib.parse import quote, unquote

        self.dumps, self.loads, self.http, self.timeout = dumps, loads, http, timeout
        self.wrong_rows = re.compile(r"\b(\d{1,3}) of \d{1,3} rows are invalid, \d{1,3} are stored").search
        self.selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # select takes no large numbers
        parts, port = split(url)
        self.shown = "{}://{}{}".format(parts.scheme, parts.netloc.rpartition("@")[2], parts.path)  # without a password
        self.base = quote(parts.path, safe="/%:@!$&'()*+,;=").rstrip("/") + "/"  # the bridge says what is wrong with a name
        self.headers = {"Content-Type": "application/json", "User-Agent": "pymon-bridge-plugin"}
        if parts.username is not None:
            secret = unquote(parts.username) + ":" + unquote(parts.password or "")
            self.headers["Authorization"] = "Basic " + b64encode(secret.encode(errors="replace")).decode()
        elif token and token.strip():
            if not (token.strip().isascii() and token.strip().isprintable()):
                raise ValueError("expected printable ASCII characters in PYMON_TOKEN")
            self.headers["Authorization"] = "Bearer " + token.strip()
        self.connect = functools.partial(http.HTTPConnection, parts.hostname, port)
        if parts.scheme == "https":
            from ssl import create_default_context

            trusted = os.environ.get("REQUESTS_CA_BUNDLE") or None
            folder = trusted is not None and os.path.isdir(trusted)
            tls = create_default_context(**{"capath" if folder else "cafile": trusted})
            self.connect = functools.partial(http.HTTPSConnection, parts.hostname, port, context=tls)
        self.connection: Any = None
        self.file: Tuple[int, ...] = ()  # which file the socket of the connection is
        # What waits, in the order of sending.
        self.waiting: Dict[str, List[str]] = {
            path: [] for path in ("contexts/", "sessions/") + ROUTES + ("end",)
        }
        self.takes_lists: Optional[bool] = None  # unknown until the first answer to a list
        self.rows = ROWS
        self.sent_at = self.retry_at = Clock.perf()
        self.took = 0.0  # seconds of the last sending
        self.lost = 0  # rows
        self.undescribed = False  # something that is no row was refused
        self.gave_up = False
        self.trouble = ""  # the last failure in words

    def add(self, path: str, row: Row) -> None:
        """Lets a row wait."""
        if self.gave_up or len(self.waiting[path]) >= KEPT:
            self.lost += path in ROUTES
        else:
            self.waiting[path].append(self.dumps(row))

    def waiting_rows(self) -> int:
        return sum(len(self.waiting[path]) for path in ROUTES)

    def flush_when_due(self) -> None:
        """Sends when many rows wait, and otherwise each second: more often where it costs nearly nothing, and less
        often where it takes long."""
        if self.waiting_rows() >= ROWS or Clock.perf() - self.sent_at >= max(min(1.0, 20 * self.took), 10 * self.took):
            self.flush()

    def flush(self) -> None:
        """Sends what waits, for about a second at most."""
        began = Clock.perf()
        while any(self.waiting.values()) and max(self.retry_at, began) <= Clock.perf() < began + 1.0:
            if not self.send(LIMIT):
                break
            self.took = Clock.perf() - began
        self.sent_at = Clock.perf()

    def finish(self, patience: float) -> None:
        """Sends everything. It waits some seconds for a bridge that is away."""
        end = Clock.perf() + patience
        while any(self.waiting.values()):
            left = end - Clock.perf()
            if not self.send(max(LIMIT, left / 2) if left > LIMIT else max(left, 0.1)):
                if left <= 0:
                    break
                Clock.sleep(min(0.2, left))
        self.close()

    def tell(self) -> None:
        """Warns of what did not arrive."""
        lost = self.lost + self.waiting_rows()
        if lost or self.undescribed or any(self.waiting.values()):
            what = "{} of the results".format(lost) if lost else "what describes the run"
            complain("{} did not arrive at {}: {}".format(what, self.shown, self.trouble))

    def send(self, limit: float) -> bool:
        """Sends one request. Says whether it makes sense to go on at once."""
        path = next(path for path, rows in self.waiting.items() if rows)
        rows = self.next_rows(path)
        body = rows[0] if len(rows) == 1 else "[" + ",".join(rows) + "]"
        began = Clock.perf()
        status, text = self.post("sessions/" if path == "end" else path, body.encode(), limit)
        if not self.settle(path, len(rows), status, text):
            self.retry_at = Clock.perf() + max(AGAIN, 10 * (Clock.perf() - began))
            return False
        return True

    def next_rows(self, path: str) -> List[str]:
        """Returns the rows of the next request: at least one."""
        if path not in ROUTES or self.takes_lists is False:
            return self.waiting[path][:1]
        return self.waiting[path][:self.rows]

    def settle(self, path: str, count: int, status: int, text: str) -> bool:
        """Does what an answer asks for. Says whether it makes sense to go on at once."""
        wrong = self.wrong_rows(text) if status == 400 and count > 1 else None  # the bridge keeps the others
        if status == 201 or wrong:
            self.takes_lists = self.takes_lists or count > 1 or None
            del self.waiting[path][:count]
        if status == 201:
            return True
        self.trouble = one_line("{} {}".format(status or "", self.said(text)))
        if wrong:
            self.lost += int(wrong.group(1))
        elif count > 1 and self.takes_lists is None and status >= 400 and status not in UNLIKE_LISTS:
            self.takes_lists = False  # another server than a bridge
        elif count > 1 and status == 413:
            self.rows = count // 2
        elif status in LATER:
            return False
        elif path == "outcomes/" and status in (404, 405):
            self.waiting[path].clear()  # this server has no outcomes: nobody misses them
        elif status in NEVER or status < 400:
            self.gave_up = True
            self.lost += self.waiting_rows()
            for rows in self.waiting.values():
                rows.clear()
        else:
            self.lost += count if path in ROUTES else 0
            self.undescribed = self.undescribed or path not in ROUTES
            del self.waiting[path][:count]
        return True

    def said(self, text: str) -> str:
        """Returns the message of a bridge's answer, unless it also names fields, or the whole text of another server."""
        try:
            answer = self.loads(text)
            return str(answer["message"]) if set(answer) == {"message"} else text
        except (ValueError, TypeError, RecursionError):
            return text

    def post(self, path: str, body: bytes, limit: float) -> Tuple[int, str]:
        """Returns the status of an answer and its text, or 0 and what went wrong."""
        kept = self.is_usable()
        try:
            return self.exchange(path, body, limit)
        except self.timeout:
            self.close()
            return 0, "no answer in time"
        except (OSError, RuntimeError, ValueError, self.http.HTTPException) as error:
            self.close()
            if kept:  # the bridge has closed the connection: a new one may work
                return self.post(path, body, limit)
            return 0, str(error) or type(error).__name__
        except BaseException:
            self.close()  # the answer to this request must not be taken for that to the next one
            raise

    def exchange(self, path: str, body: bytes, limit: float) -> Tuple[int, str]:
        if self.connection is None:
            self.connection = self.connect(timeout=limit)
            self.connection.connect()
            self.file = self.socket_file()
        self.connection.sock.settimeout(limit)
        self.connection.request("POST", self.base + path, body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read(ANSWER).decode(errors="replace")
        if answer.will_close or not answer.isclosed():  # an answer that never ends must not keep the tests
            self.close()
        return answer.status, text

    def is_usable(self) -> bool:
        """Says whether there is a kept connection, and drops one that cannot be used."""
        if self.connection is None:
            return False
        if self.socket_file() != self.file:
            # A test has closed the descriptor, and may have a file of its own with this number.
            self.connection.sock.detach()
        else:
            try:
                with self.selector() as selector:
                    selector.register(self.connection.sock, 1)  # to read
                    if not selector.select(0):
                        return True  # what can be read from an idle connection is its end
            except (OSError, ValueError):
                pass  # it is closed
        self.close()
        return False

    def socket_file(self) -> Tuple[int, ...]:
        try:
            found = os.fstat(self.connection.sock.fileno())
        except OSError:
            return ()  # it is closed; on Windows a socket is no file
        return found.st_dev, found.st_ino

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
