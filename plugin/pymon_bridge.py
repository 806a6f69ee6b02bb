"""A pytest plugin that measures tests and sends them to a pymon-bridge.

    pytest -p pymon_bridge --remote-server http://127.0.0.1:8080

It measures each test in the process that runs it. pytest's own reports carry the measurements, with pytest-xdist from
the workers to the controller, and the process that reports sends them. No test fails because of this plugin, and no
exit status changes: whatever goes wrong here ends in one line on standard error.

The parts, from top to bottom:

    Clock       the clocks of the operating system, out of reach of the tests
    hooks       what pytest calls first: options, and whether there is anything to do
    Wishes      what the command line and the environment ask for
    facts       the machine, the commit, the CI system
    Meter       measures tests
    Reporter    puts reports together, and says what became of each test
    Client      sends rows over one kept connection

Installed as an entry point, it does nothing unless it is asked. So modules that only a measured run needs are imported
where they are used.
"""

import functools
import os
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

NAME = "pymon_bridge"
METHOD = "m2"  # names how this plugin measures. Measurements by different methods do not compare.
# pytest-monitor's plugin, which -p pymon_bridge replaces. Two plugins would measure each other.
OTHER = "monitor"
# Set while a pytest is measured. A pytest that a test starts finds it, and does not measure itself.
INSIDE = "PYMON_INSIDE"
# Set by `pymon-bridge run`. It has the names of the variables, separated by commas, that only this command needs.
BY_RUN = "PYMON_RUN_TAKEOVER"
VARIABLES = ("PYMON_URL", "PYMON_TOKEN", "PYMON_RUN", "PYMON_TAGS", BY_RUN)

TOO_OLD = sys.version_info < (3, 8) or tuple(int(n) for n in pytest.__version__.split(".")[:2]) < (6, 2)


class Clock:
    """The clocks as they were before any test.

    freezegun and its like replace what they find in modules. They do not look into classes.
    """

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
        """Returns a moment as local time, at the offset that the session states."""
        whole, micro = divmod(round((moment + cls.offset) * 1000000), 1000000)
        return cls.strftime("%Y-%m-%dT%H:%M:%S", cls.gmtime(whole)) + ".%06d" % micro


def complain(text: str) -> None:
    """Writes one line on standard error."""
    try:
        sys.stderr.write("\npymon-bridge: " + text + "\n")
    except (AttributeError, OSError, ValueError):
        pass  # there is no standard error


def harmless(method: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a method return None where it would fail, since no test may fail by being measured."""

    @functools.wraps(method)
    def guarded(*args: Any) -> Any:
        try:
            return method(*args)
        except Exception as error:
            if method not in failed:
                failed.append(method)
                complain("{} failed, and measurements may be missing: {!r}".format(method.__name__, error))
            return None

    failed: List[Any] = []
    return guarded


# ---- hooks: options, and whether there is anything to do -------------------------------------------------------------


def pytest_addoption(parser: Any, pluginmanager: Any) -> None:
    """Blocks pytest-monitor where -p names this plugin: it is loaded later, and then it is too late."""
    if not TOO_OLD and wishes_of(pluginmanager.get_plugin("pytestconfig")).named:
        pluginmanager.set_blocked(OTHER)


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any, args: List[str]) -> Iterator[None]:
    """Adds the options of pytest-monitor after the conftests, which may define options of the same names."""
    wishes = wishes_of(early_config)
    asked = not TOO_OLD and wishes.asked(args) and not early_config.pluginmanager.hasplugin(OTHER)
    if asked:
        forget_values(early_config.known_args_namespace, args)
    yield
    if asked:
        free = [option for option in OPTIONS if is_unknown(parser, option[0])]
        if wishes.asked([]) or "--remote-server" in (name for name, _ in free):
            group = parser.getgroup("pymon-bridge", "measurements for pymon-bridge")
            for name, settings in free:
                group.addoption(name, **settings)
                wishes.options.append(name)


def pytest_configure(config: Any) -> None:
    """Registers the parts that work, if there is something to do."""
    wishes = wishes_of(config)
    if TOO_OLD:
        if wishes.named:
            complain("nothing is measured: it needs Python 3.8 and pytest 6.2, or newer ones")
        return
    if config.pluginmanager.hasplugin(OTHER):
        mend_node_id()
        return
    if wishes.named or wishes.options:
        for marker, text in MARKERS:
            config.addinivalue_line("markers", marker + ": " + text)
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        if NAME in workerinput:
            config.pluginmanager.register(Meter(config), NAME + "_meter")
        return
    url = wishes.url(config)
    if not url or any(getattr(config.option, name, False) for name in NOTHING_RUNS):
        return
    if wishes.option(config, "mtr_force_component") and wishes.option(config, "mtr_component_prefix"):
        raise pytest.UsageError("--force-component and --component-prefix exclude each other")
    try:
        client = Client(url, wishes.environ.get("PYMON_TOKEN"))
    except ValueError as error:
        complain("nothing is sent: {}".format(error))
        return
    os.environ[INSIDE] = "1"
    config.pluginmanager.register(Meter(config), NAME + "_meter")
    config.pluginmanager.register(Reporter(config, wishes, client), NAME + "_reporter")


def pytest_unconfigure(config: Any) -> None:
    """Puts the environment back, for a program that runs pytest more than once."""
    if config.pluginmanager.hasplugin(NAME + "_reporter"):
        os.environ.pop(INSIDE, None)
    os.environ.update(wishes_of(config).taken)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: Any, specs: List[Any]) -> None:
    """Gives the workers of pytest-xdist what loaded this plugin here."""
    for spec in specs:
        if spec.popen:
            spec.env.update(wishes_of(config).taken)


def pytest_make_parametrize_id(config: Any, val: Any, argname: str) -> Optional[str]:
    """Makes ids that name the parameters, with --parametrization-explicit."""
    if wishes_of(config).option(config, "mtr_want_explicit_ids"):
        return "{}={}".format(argname, val)
    return None


# The options of pytest-monitor.
OPTIONS: Tuple[Tuple[str, Dict[str, Any]], ...] = (
    ("--remote-server", dict(dest="mtr_remote", metavar="URL", help="address of the pymon-bridge to send to")),
    ("--tag", dict(dest="mtr_tags", metavar="NAME=VALUE", action="append", default=[], help="say something about this run")),
    ("--description", dict(dest="mtr_description", default="", help="describe this run")),
    ("--restrict-scope-to", dict(dest="mtr_scope", metavar="KINDS", default="function", help="measure function, module, or both")),
    ("--component-prefix", dict(dest="mtr_component_prefix", metavar="TEXT", help="put this before each component")),
    ("--force-component", dict(dest="mtr_force_component", metavar="NAME", help="the component of all tests")),
    ("--parametrization-explicit", dict(dest="mtr_want_explicit_ids", action="store_true", help="name parameters in ids")),
    ("--no-monitor", dict(dest="mtr_none", action="store_true", help="measure and send nothing")),
    ("--no-gc", dict(dest="mtr_disable_gc", action="store_true", help="accepted, and changes nothing")),
    ("--db", dict(dest="mtr_db_out", metavar="FILE", help="accepted, and changes nothing")),
    ("--no-db", dict(dest="mtr_no_db", action="store_true", help="accepted, and changes nothing")),
)

MARKERS = (
    ("monitor_skip_test", "do not measure this test"),
    ("monitor_skip_test_if(condition)", "do not measure this test if the condition is true"),
    ("monitor_test", "measure this test, also where its module is not measured"),
    ("monitor_test_if(condition)", "measure this test if the condition is true"),
)

# With these options of pytest no test runs.
NOTHING_RUNS = ("mtr_none", "collectonly", "setuponly", "setupplan", "showfixtures", "show_fixtures_per_test")


def forget_values(known: Any, args: List[str]) -> None:
    """Takes the values of options that pytest does not know yet out of the list of test files.

    pytest would look for conftests there, and not in its own testpaths.
    """
    for name, value in zip(args, args[1:]):
        if any(name == option and "action" not in settings for option, settings in OPTIONS[:1]) and value in known.file_or_dir:
            known.file_or_dir.remove(value)


def is_unknown(parser: Any, option: str) -> bool:
    """Says whether no plugin and no conftest has defined an option."""
    try:
        return option in parser.parse_known_and_unknown_args([option])[1]
    except pytest.UsageError:
        return False  # the option is known, and wants a value


def mend_node_id() -> None:
    """Lets pytest-monitor 1.6 work on pytest 9.2 and newer, which have no Node._nodeid."""
    from _pytest.nodes import Node

    class NodeID:  # without __set__, so that an older pytest stores the attribute and finds its own
        def __get__(self, node: Any, owner: Any = None) -> Any:
            return self if node is None else node.nodeid

    if not hasattr(Node, "_nodeid"):
        Node._nodeid = NodeID()


# ---- what the command line and the environment ask for ---------------------------------------------------------------


class Wishes:
    """What is asked of the plugin. It is read once, before `run`'s own parts leave the environment."""

    def __init__(self, config: Any) -> None:
        self.environ = {name: os.environ[name] for name in VARIABLES if name in os.environ}
        self.by_run = BY_RUN in self.environ
        self.inside = INSIDE in os.environ
        self.arguments = [str(arg) for arg in config.invocation_params.args]
        self.addopts = []  # type: List[str]
        try:
            self.addopts = list(config.getini("addopts"))
        except (KeyError, ValueError):
            pass  # loaded before pytest has read its configuration
        everywhere = self.addopts + os.environ.get("PYTEST_ADDOPTS", "").split() + self.arguments
        pairs = list(zip(everywhere, everywhere[1:] + [""]))
        self.named = ("-p", NAME) in pairs or "-p" + NAME in everywhere
        self.options = []  # type: List[str] # names of the options that this plugin added
        self.taken = take_out() if self.by_run else {}

    def asked(self, args: List[str]) -> bool:
        """Says whether somebody wants the plugin to do something."""
        remote = any(arg == "--remote-server" or arg.startswith("--remote-server=") for arg in args)
        return self.named or remote or "PYMON_URL" in self.environ

    def option(self, config: Any, dest: str) -> Any:
        """Returns the value of an option, or None if the option belongs to somebody else."""
        mine = any(settings["dest"] == dest and name in self.options for name, settings in OPTIONS)
        return getattr(config.option, dest, None) if mine else None

    def url(self, config: Any) -> Optional[str]:
        """Returns the address to send to. The command line wins, but for `run`, which has a bridge of its own."""
        option, variable = self.option(config, "mtr_remote"), self.environ.get("PYMON_URL")
        if self.by_run:
            return variable or option
        if self.inside and not any(arg.startswith("--remote-server") for arg in self.arguments):
            return None
        return option or variable


def wishes_of(config: Any) -> Wishes:
    """Returns what is asked of the plugin in this run of pytest."""
    if not hasattr(config, NAME):
        setattr(config, NAME, Wishes(config))
    return getattr(config, NAME)


def take_out() -> Dict[str, str]:
    """Takes what `pymon-bridge run` added out of the environment, so that no test sees it. Returns the old values."""
    names = [name for name in os.environ.get(BY_RUN, "").split(",") if name in os.environ] + list(VARIABLES)
    taken = {name: os.environ[name] for name in names + ["PYTHONPATH", "PYTEST_ADDOPTS"] if name in os.environ}
    for name in names:
        os.environ.pop(name, None)
    here = os.path.dirname(os.path.abspath(__file__))
    keep("PYTHONPATH", os.pathsep.join(d for d in taken.get("PYTHONPATH", "").split(os.pathsep) if d != here))
    keep("PYTEST_ADDOPTS", taken.get("PYTEST_ADDOPTS", "").replace("-p " + NAME, "", 1).strip())
    return taken


def keep(name: str, value: str) -> None:
    """Sets a variable that is there, or removes it when nothing is left of it."""
    if value and name in os.environ:
        os.environ[name] = value
    else:
        os.environ.pop(name, None)


# ---- facts: the machine, the commit, the CI system -------------------------------------------------------------------


def machine() -> Dict[str, Any]:
    """Returns the context of the protocol: what is known of this machine and this Python."""
    import hashlib
    import json
    import platform

    system = platform.uname()
    context = dict(
        cpu_count=os.cpu_count() or 0,
        cpu_frequency=0.0,  # the momentary frequency would make every session a machine of its own
        cpu_type=platform.processor(),
        cpu_vendor=cpu_model() or platform.processor(),
        ram_total=memory_size(),
        machine_node=system.node,
        machine_type=system.machine,
        machine_arch="64bit" if sys.maxsize > 2**32 else "32bit",
        system_info="{} - {}".format(system.system, system.release),
        python_info=sys.version,
    )  # type: Dict[str, Any]
    context["h"] = hashlib.sha256(json.dumps(context, sort_keys=True).encode()).hexdigest()[:32]
    return context


def cpu_model() -> str:
    """Returns the name of the processor, or an empty text."""
    if sys.platform == "darwin":
        return output_of("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return ""


def memory_size() -> int:
    """Returns the memory of the machine in MiB; 0 when unknown."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20)
    except (AttributeError, OSError, ValueError):
        return 0


def output_of(*command: str) -> str:
    """Returns the first line that a command prints, or an empty text if it fails."""
    import subprocess

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.decode(errors="replace").splitlines()
    return lines[0].strip() if lines and done.returncode == 0 else ""


class CI:
    """A CI system, by the names of its variables."""

    def __init__(self, name: str, build: str, run: Tuple[str, ...], branch: Tuple[str, ...], target: str, commit: str) -> None:
        self.name, self.build, self.run, self.branch, self.target, self.commit = name, build, run, branch, target, commit

    def tags(self, env: Dict[str, str]) -> Dict[str, str]:
        """Returns the tags of a session in this CI system."""
        tags = {"__ci__": self.name, "run": "-".join([self.name] + [env[name] for name in self.run if env.get(name)])}
        if env.get(self.build):
            tags["pipeline_build_no"] = env[self.build]
        branch = next((env[name] for name in self.branch if env.get(name)), "")
        for prefix in ("refs/heads/", "origin/"):
            branch = branch[len(prefix):] if branch.startswith(prefix) else branch
        if branch and branch == env.get(self.target, ""):
            branch += " of a fork"  # a pull request into the branch of the same name is not this branch
        if branch and env.get("GITHUB_REF_TYPE") != "tag":
            tags["branch"] = tags["pipeline_branch"] = branch
        return tags


CI_SYSTEMS = (
    CI("github", "GITHUB_RUN_NUMBER", ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
       ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"), "GITHUB_BASE_REF", "GITHUB_SHA"),
    CI("gitlabci", "CI_PIPELINE_IID", ("CI_PIPELINE_ID",),
       ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH"), "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_COMMIT_SHA"),
    CI("azure", "BUILD_BUILDNUMBER", ("BUILD_BUILDID", "SYSTEM_STAGEATTEMPT"),
       ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH"), "SYSTEM_PULLREQUEST_TARGETBRANCH", "BUILD_SOURCEVERSION"),
    CI("circleci", "CIRCLE_BUILD_NUM", ("CIRCLE_WORKFLOW_ID",), ("CIRCLE_BRANCH",), "", "CIRCLE_SHA1"),
    CI("buildkite", "BUILDKITE_BUILD_NUMBER", ("BUILDKITE_BUILD_ID", "BUILDKITE_RETRY_COUNT"),
       ("BUILDKITE_BRANCH",), "BUILDKITE_PULL_REQUEST_BASE_BRANCH", "BUILDKITE_COMMIT"),
    CI("jenkinsci", "BUILD_NUMBER", ("BUILD_TAG",), ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"), "CHANGE_TARGET", "GIT_COMMIT"),
)


def ci_system(env: Dict[str, str]) -> Optional[CI]:
    """Returns the CI system that runs this process. The first variable of its run tells."""
    return next((ci for ci in CI_SYSTEMS if env.get(ci.run[0])), None)


def commit(env: Dict[str, str]) -> str:
    """Returns the commit of the working directory, or an empty text.

    git refuses to answer in a checkout of another user, which containers of CI systems have. Then the CI system knows.
    """
    ci = ci_system(env)
    found = output_of("git", "rev-parse", "HEAD") or (env.get(ci.commit, "") if ci else "")
    if found:
        return found
    change = output_of("p4", "changes", "-m1", "#have").split()
    return change[1] if len(change) > 1 else ""


def session_tags(wishes: Wishes, config: Any, env: Dict[str, str], session: str, selection: Optional[str]) -> Dict[str, str]:
    """Returns the tags of the session. Where names are equal, the later ones win: CI system, environment, --tag."""
    ci = ci_system(env)
    tags = ci.tags(env) if ci else {}
    if selection or "run" not in tags:
        # Tests that are run again are a run of their own. They would be added to the first run otherwise.
        tags["run"] = session
    tags.update(pair(line) for line in wishes.environ.get("PYMON_TAGS", "").splitlines() if line)
    if wishes.environ.get("PYMON_RUN"):
        tags["run"] = wishes.environ["PYMON_RUN"]
    environment = env.get("TOX_ENV_NAME") or env.get("NOX_CURRENT_SESSION")
    if environment:
        tags["run"] += "-" + environment
    if wishes.option(config, "mtr_description"):
        tags["description"] = config.option.mtr_description
    tags.update(pair(tag) for tag in wishes.option(config, "mtr_tags") or [])
    return tags


def pair(tag: str) -> Tuple[str, str]:
    """Splits NAME=VALUE."""
    name, _, value = tag.partition("=")
    return name, value


# ---- Meter: measures tests where they run ----------------------------------------------------------------------------


class Memory:
    """The resident memory of this process at its peak, which the kernel of Linux keeps and resets on demand.

    Elsewhere there is no measurement: a peak that cannot be reset says nothing of one test.
    """

    def __init__(self) -> None:
        self.works = False
        try:
            block = bytearray(16 * 2**20)
            before = self.peak()
            del block
            self.works = self.restart() < before - 8  # a kernel may accept the reset and ignore it
        except (OSError, ValueError):
            pass

    def restart(self) -> float:
        """Resets the peak, and returns it: what is resident now, in MiB."""
        with open("/proc/self/clear_refs", "wb", buffering=0) as file:
            file.write(b"5")
        return self.peak()

    def peak(self) -> float:
        """Returns the peak since the last reset in MiB."""
        with open("/proc/self/status", "rb", buffering=0) as file:
            return int(file.read().split(b"VmHWM:", 1)[1].split(None, 1)[0]) / 1024.0


def cpu_clock() -> Callable[[], Tuple[float, float]]:
    """Returns a function for the seconds of CPU that this process has used, as user and in the kernel."""
    try:
        from resource import RUSAGE_SELF, getrusage  # not on Windows
    except ImportError:
        return lambda: os.times()[:2]

    def used() -> Tuple[float, float]:
        usage = getrusage(RUSAGE_SELF)
        return usage.ru_utime, usage.ru_stime

    return used


class Meter:
    """Measures the phases of each test, and attaches what it measured to pytest's reports, as text.

    A report carries text through every plugin that takes reports elsewhere: pytest-xdist, pytest-forked, pytest-reportlog.
    """

    def __init__(self, config: Any) -> None:
        from json import dumps

        self.dumps, self.cpu, self.memory = dumps, cpu_clock(), Memory()
        self.context = machine()
        self.output = getattr(config, "workeroutput", None)  # what a worker of pytest-xdist tells at its end
        self.tell_context = self.output is not None  # its machine may be another one than the controller's
        self.first = self.resident()
        self.module = None  # type: Any # the module that runs
        self.module_start = self.moment()

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
        self.after_call(item, resident, self.since(start))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: Any, nextitem: Any) -> Iterator[None]:
        start = Clock.perf()
        yield
        self.after_teardown(item, nextitem, Clock.perf() - start)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        result = yield
        self.attach(item, result)

    def pytest_deselected(self, items: List[Any]) -> None:
        if self.output is not None:
            self.output[NAME] = self.output.get(NAME, 0) + len(items)

    def moment(self) -> Tuple[float, ...]:
        """Returns a moment to measure from: the time, the CPU used as user and in the kernel, the stop watch."""
        return (Clock.now(),) + tuple(self.cpu()) + (Clock.perf(),)

    def since(self, moment: Tuple[float, ...]) -> Dict[str, float]:
        """Returns what was used since a moment."""
        seconds, cpu = Clock.perf() - moment[3], self.cpu()
        user, kernel = cpu[0] - moment[1], cpu[1] - moment[2]
        share = (user + kernel) / seconds if seconds else 0.0
        return dict(start=moment[0], total_time=seconds, user_time=user, kernel_time=kernel, cpu_usage=share)

    @harmless
    def after_setup(self, item: Any, seconds: float) -> None:
        measured = dict(identity(item), setup_time=seconds, context_h=self.context["h"])
        if self.tell_context:
            measured["context"], self.tell_context = self.context, False
        setattr(item, NAME, measured)

    @harmless
    def after_call(self, item: Any, resident: Optional[float], measured: Dict[str, Any]) -> None:
        if resident is not None:
            peak = self.memory.peak()
            measured.update(mem_peak=peak, mem_test=max(peak - resident, 0.0))
        setattr(item, NAME, measured)

    @harmless
    def after_teardown(self, item: Any, nextitem: Any, seconds: float) -> None:
        setattr(item, NAME, dict(teardown_time=seconds, module=self.leave_module(item, nextitem)))

    @harmless
    def attach(self, item: Any, result: Any) -> None:
        """Attaches what was measured to a report. The report of a subtest comes in the middle of a phase, and gets nothing."""
        measured = item.__dict__.pop(NAME, None)
        if measured and result.excinfo is None:
            setattr(result.get_result(), NAME, self.dumps(measured))

    @harmless
    def resident(self) -> Optional[float]:
        """Begins to measure memory. Returns what is resident now, in MiB."""
        return self.memory.restart() if self.memory.works else None

    @harmless
    def enter_module(self, item: Any) -> None:
        module = module_of(item)
        if module is not self.module:
            self.module, self.module_start = module, self.moment()

    def leave_module(self, item: Any, nextitem: Any) -> Optional[Dict[str, Any]]:
        """Returns the measurements of a whole module after its last test."""
        module = self.module
        if module is None or module is module_of(nextitem):
            return None
        self.module = None
        resident, name = self.resident(), module.name[:-3]
        return dict(
            self.since(self.module_start),
            mem_usage=resident - self.first if resident is not None and self.first is not None else None,
            item=name, item_path=module.obj.__name__[:-len(name) - 1], item_variant="", item_fs_loc=module.nodeid,
            component=component_of(module.obj), context_h=self.context["h"],
        )


def module_of(item: Any) -> Any:
    """Returns the module of a test function, or None."""
    return item.getparent(pytest.Module) if isinstance(item, pytest.Function) else None


def component_of(module: Any) -> str:
    return str(getattr(module, "pytest_monitor_component", ""))


def identity(item: Any) -> Dict[str, Any]:
    """Returns the names of a test, as pytest-monitor forms them."""
    module = getattr(item, "module", None)
    return dict(
        item_path=getattr(module, "__name__", None) or dotted(item.nodeid.split("::")[0]),
        item=getattr(item, "originalname", None) or item.name,
        item_variant=item.name.replace("-", ", "),
        item_fs_loc=str(item.location[0]),
        component=component_of(module),
        skip=is_skipped(item),
    )


def dotted(path: str) -> str:
    """Returns the name of the module in a file."""
    return (path[:-3] if path.endswith(".py") else path).replace("/", ".")


def is_skipped(item: Any) -> bool:
    """Says whether a marker keeps a test from being measured. The markers that ask for it win."""
    marks = {mark.name: mark for mark in item.iter_markers() if mark.name.startswith("monitor_")}

    def says(name: str) -> bool:
        condition = marks.get(name + "_if")
        return name in marks or condition is not None and bool(condition.args and condition.args[0])

    return says("monitor_skip_test") and not says("monitor_test")


# ---- Reporter: what became of each test ------------------------------------------------------------------------------

MEASUREMENTS = ("total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage")
# What wins when several phases of a test have an outcome. Of equal ones the first counts.
WEIGHTS = {"failed": 3, "error": 2}


class Running:
    """A test whose reports are not complete."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        self.measured = {}  # type: Dict[str, Any]
        self.outcome = None  # type: Optional[str]

    def add(self, report: Any, carried: Dict[str, Any]) -> None:
        """Adds what a report says, and what it carries."""
        self.measured.update(carried)
        outcome = outcome_of(report)
        if outcome and WEIGHTS.get(outcome, 1) > WEIGHTS.get(self.outcome or "", 1 if self.outcome else 0):
            self.outcome = outcome


def outcome_of(report: Any) -> Optional[str]:
    """Returns what one report says of the outcome of its test."""
    subtest = hasattr(report, "context")
    if report.failed:
        return "error" if report.when in ("setup", "teardown") else "failed"
    if report.skipped and not subtest:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.passed and report.when == "call" and not subtest:
        return "xpassed" if hasattr(report, "wasxfail") else "passed"
    return None


class Reporter:
    """Turns the reports of a run into rows. It works in the process that reports: with pytest-xdist, the controller."""

    def __init__(self, config: Any, wishes: Wishes, client: "Client") -> None:
        from json import loads

        self.config, self.wishes, self.client, self.loads = config, wishes, client, loads
        self.pid, self.getpid = os.getpid(), os.getpid
        self.session = {}  # type: Dict[str, Any]
        self.running = {}  # type: Dict[Any, Running]
        self.contexts = set()  # type: set
        self.context_h = ""
        self.finished = self.deselected = 0
        self.interrupted = False
        scope = wishes.option(config, "mtr_scope") or "function"
        self.functions, self.modules = "function" in scope, "module" in scope

    def is_fork(self) -> bool:
        """Says whether this is a child process that a test has forked. It has no business with the bridge."""
        return self.getpid() != self.pid

    # -- the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Any) -> None:
        if not self.is_fork():
            self.begin()

    @harmless
    def begin(self) -> None:
        env = dict(os.environ)
        session = os.urandom(16).hex()
        meter = self.config.pluginmanager.get_plugin(NAME + "_meter")
        self.send_context(meter.context)
        self.context_h = meter.context["h"]
        self.session = dict(
            session_h=session,
            run_date=Clock.text(Clock.now()),
            scm_ref=commit(env),
            description=session_tags(self.wishes, self.config, env, session, self.selection()),
            utc_offset=Clock.offset,
            method=METHOD,
        )
        self.client.add("sessions/", self.session)
        self.client.flush()

    def send_context(self, context: Dict[str, Any]) -> None:
        if context["h"] not in self.contexts:
            self.contexts.add(context["h"])
            self.client.add("contexts/", context)

    def pytest_deselected(self, items: List[Any]) -> None:
        self.deselected += len(items)

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self.interrupted = True

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> Iterator[None]:
        yield  # pytest's summary comes first, so that nobody waits for it
        if not self.is_fork():
            self.end(session)

    @harmless
    def end(self, session: Any) -> None:
        for key in list(self.running):
            self.finish(key)
        status = int(session.exitstatus)
        selected = session.testscollected
        ending = dict(
            exit_status=status,
            collected=selected + self.deselected,
            deselected=self.deselected,
            partial=self.stopped(status, session) or self.selection(),
        )
        self.client.add("end", dict(self.session, **ending))
        try:
            self.client.finish(self.patience())
        except KeyboardInterrupt:
            pass  # somebody does not want to wait
        self.client.tell()

    @staticmethod
    def patience() -> float:
        """Returns the seconds to wait at most for the bridge at the end."""
        try:
            return max(0.0, float(os.environ.get("PYMON_WAIT", "10")))
        except ValueError:
            return 10.0

    def stopped(self, status: int, session: Any) -> Optional[str]:
        """Says why pytest ended before its last test, or returns None."""
        most = getattr(self.config.option, "maxfail", 0)
        if self.interrupted:
            return "interrupted"
        if most and session.testsfailed >= most and self.finished < session.testscollected:
            return "-x" if most == 1 else "--maxfail"
        return {2: "interrupted", 3: "crashed", 4: "usage error"}.get(status)

    def selection(self) -> Optional[str]:
        """Says what keeps tests of the suite out of this run, or returns None.

        What stands in the project's own addopts belongs to the suite.
        """
        option = self.config.option
        if getattr(option, "keyword", "") and not self.in_addopts("-k"):
            return "-k"
        if getattr(option, "deselect", None) and not self.in_addopts("--deselect"):
            return "--deselect"
        if getattr(option, "lf", False):
            return "--lf"
        if getattr(option, "stepwise", False):
            return "--stepwise"
        if any("::" in str(arg) for arg in self.config.args):
            return "node ids"
        return None

    def in_addopts(self, name: str) -> bool:
        return any(arg.startswith(name) for arg in self.wishes.addopts)

    # -- pytest-xdist

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[NAME] = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        output = getattr(node, "workeroutput", None) or {}
        self.deselected = max(self.deselected, output.get(NAME, 0))

    # -- the tests

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if not self.is_fork():
            self.take(report)

    @harmless
    def take(self, report: Any) -> None:
        key = (report.nodeid, getattr(report, "node", None))  # with --dist each, several workers run each test
        running = self.running.get(key)
        if running is None or report.when == "setup":
            running = self.running[key] = Running(running.attempts + 1 if running else 1)
        if report.outcome == "rerun":
            return  # pytest-rerunfailures begins another attempt
        running.add(report, self.loads(getattr(report, NAME, "{}")))
        if report.when not in ("setup", "call"):  # after the teardown, or the end of a worker that crashed
            self.finish(key)
            self.client.flush_when_due()

    def finish(self, key: Any) -> None:
        """Makes the rows of a test: the test's own, and its module's after the last test of it."""
        running = self.running.pop(key)
        if running.outcome is None:
            return  # interrupted in the middle: pytest does not count this test either
        self.finished += 1
        if "context" in running.measured:
            self.send_context(running.measured["context"])
        module = running.measured.get("module")
        if module and self.modules:
            self.client.add("metrics/", self.row("module", module))
        row = dict(
            self.row("function", self.named(key[0], running)),
            nodeid=key[0], outcome=running.outcome, attempts=running.attempts,
        )
        for name in ("setup_time", "teardown_time", "mem_peak", "mem_test"):
            row[name] = running.measured.get(name)
        measured = self.functions and not running.measured.get("skip")
        if not measured:
            row.update(dict.fromkeys(MEASUREMENTS + ("setup_time", "teardown_time", "mem_peak", "mem_test")))
        good = measured and row["total_time"] is not None and running.outcome in ("passed", "xpassed")
        self.client.add("metrics/" if good else "outcomes/", row)

    @staticmethod
    def named(nodeid: str, running: Running) -> Dict[str, Any]:
        """Returns what was measured, with the names of the test also where its process ended before the first report."""
        path, name = nodeid.split("::")[0], nodeid.split("::", 1)[-1].split("[")[0].split("::")[-1]
        names = dict(
            item_path=dotted(path), item=name, item_variant=name + nodeid[nodeid.find("["):].replace("-", ", ") if "[" in nodeid else name,
            item_fs_loc=path, component="", mem_usage=running.measured.get("mem_test"),
        )
        return dict(names, **running.measured)

    def row(self, kind: str, measured: Dict[str, Any]) -> Dict[str, Any]:
        """Returns the 14 fields of pytest-monitor."""
        row = dict(
            session_h=self.session["session_h"],
            context_h=measured.get("context_h") or self.context_h,
            item_start_time=Clock.text(measured.get("start") or Clock.now()),
            kind=kind,
            component=self.component(measured["component"]),
        )  # type: Dict[str, Any]
        for name in ("item_path", "item", "item_variant", "item_fs_loc") + MEASUREMENTS:
            row[name] = measured.get(name)
        return row

    def component(self, own: str) -> str:
        forced, prefix = (self.wishes.option(self.config, "mtr_" + name) for name in ("force_component", "component_prefix"))
        return forced or (prefix + "." + own if prefix and own else prefix or own)


# ---- Client: sends rows ----------------------------------------------------------------------------------------------

ROWS = 50  # in one request
REQUEST = 250000  # bytes in one request, about
KEPT = 100000  # rows that wait at most
LIMIT = 2.0  # seconds that a request may take while tests run
AGAIN = 2.0  # seconds until the next try, at least, while the bridge is away
LATER = (0, 408, 425, 429, 500, 502, 503, 504)  # statuses after which the same request may succeed; 0 is no answer


class Client:
    """Sends rows over one kept connection, between tests and without a thread.

    What the bridge does not take now, waits. While the bridge is away, there is one try in two seconds at most, and in
    ten times as long as the last one took. The bridge takes a row that arrives twice for one.
    """

    def __init__(self, url: str, token: Optional[str]) -> None:
        from base64 import b64encode
        from http import client as http
        from json import dumps
        from urllib.parse import unquote, urlsplit

        parts = urlsplit(url if "//" in url else "http://" + url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as http://127.0.0.1:8080, but got {!r}".format(url))
        self.address = (parts.hostname, parts.port)
        self.base = parts.path.rstrip("/") + "/"
        self.shown = "{}://{}{}".format(parts.scheme, parts.netloc.rpartition("@")[2], parts.path)
        self.headers = {"Content-Type": "application/json", "User-Agent": "pymon-bridge-plugin"}
        if parts.username is not None:
            secret = unquote(parts.username) + ":" + unquote(parts.password or "")
            self.headers["Authorization"] = "Basic " + b64encode(secret.encode()).decode()
        elif token:
            self.headers["Authorization"] = "Bearer " + token
        self.dumps, self.http, self.tls = dumps, http, None
        if parts.scheme == "https":
            from ssl import create_default_context

            self.tls = create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE") or None)
        self.connection = None  # type: Any
        self.file = ()  # type: Tuple[int, ...] # which file the connection's descriptor is
        # What waits, in the order of sending.
        self.waiting = {name: [] for name in ("contexts/", "sessions/", "metrics/", "outcomes/", "end")}  # type: Dict[str, List[str]]
        self.rows = ROWS
        self.takes_lists = None  # type: Optional[bool] # None until the first list was answered
        self.sent_at = self.retry_at = Clock.perf()
        self.took = 0.0
        self.trouble = ""  # the last failure, in words
        self.gave_up = False
        self.dropped = self.refused = 0

    # -- what waits

    def add(self, path: str, body: Dict[str, Any]) -> None:
        """Lets a row wait. Above a limit it is dropped, since a bridge that is away must not cost the tests their memory."""
        rows = self.waiting[path]
        if self.gave_up or len(rows) >= KEPT:
            self.dropped += 1
            return
        rows.append(self.dumps(body))

    def flush_when_due(self) -> None:
        """Sends when enough rows wait, and otherwise each second. It does so more often where sending costs nearly nothing."""
        rows = len(self.waiting["metrics/"]) + len(self.waiting["outcomes/"])
        if rows >= ROWS or Clock.perf() - self.sent_at >= min(1.0, 20 * self.took):
            self.flush()

    def flush(self) -> None:
        """Sends what waits, for about a second at most."""
        began = Clock.perf()
        while self.more() and max(self.retry_at, began) <= Clock.perf() < began + 1.0:
            if not self.send(LIMIT):
                break
            self.took = Clock.perf() - began
        self.sent_at = Clock.perf()

    def finish(self, patience: float) -> None:
        """Sends everything, and waits for a bridge that is away."""
        end = Clock.perf() + patience
        while self.more():
            left = end - Clock.perf()
            if not self.send(max(LIMIT, left / 2) if left > 0 else 0.1):
                if left <= 0:
                    break
                Clock.sleep(min(0.2, left))
        self.close()

    def more(self) -> bool:
        return any(self.waiting.values())

    def tell(self) -> None:
        """Warns of what did not arrive."""
        waiting = sum(len(rows) for rows in self.waiting.values())
        lost = waiting + self.dropped + self.refused
        if lost:
            complain("{} of the results did not arrive at {}: {}".format(lost, self.shown, self.trouble))

    # -- requests

    def send(self, limit: float) -> bool:
        """Sends one request. Says whether it is settled: whether it makes sense to go on at once."""
        path = next(name for name, rows in self.waiting.items() if rows)
        rows = self.next_rows(path)
        body = rows[0] if len(rows) == 1 else "[" + ",".join(rows) + "]"
        began = Clock.perf()
        status, text = self.post("sessions/" if path == "end" else path, body.encode(), limit)
        settled = self.settle(path, len(rows), status, text)
        if not settled:
            self.retry_at = Clock.perf() + max(AGAIN, 10 * (Clock.perf() - began))
        return settled

    def next_rows(self, path: str) -> List[str]:
        """Returns the rows of the next request."""
        if path not in ("metrics/", "outcomes/") or self.takes_lists is False:
            return self.waiting[path][:1]
        rows, size = self.waiting[path][:self.rows], 0
        for n, row in enumerate(rows):
            size += len(row)
            if size > REQUEST and n > 0:
                return rows[:n]
        return rows

    def settle(self, path: str, count: int, status: int, text: str) -> bool:
        """Decides what an answer means for the rows that were sent."""
        if 200 <= status < 300:
            if count > 1:
                self.takes_lists = True
        else:
            self.trouble = "{} {}".format(status, text).strip() if status else text
            if count > 1 and self.takes_lists is None and status >= 400 and status not in (401, 403, 413, 429, 503):
                self.takes_lists = False  # another server than a bridge, or an old bridge
                return True
            if count > 1 and status == 413:
                self.rows = count // 2
                return True
            if status in LATER:
                return False
            if path == "outcomes/" and status in (404, 405):
                self.refused -= len(self.waiting[path])  # this server has no outcomes, and that is all right
                self.waiting[path], count = [], 0
            elif status in (401, 403, 404, 405) or status < 400:
                self.give_up()
                return True
            self.refused += count
        del self.waiting[path][:count]
        return True

    def give_up(self) -> None:
        """Sends nothing more: no later request can succeed."""
        self.gave_up = True
        for rows in self.waiting.values():
            self.dropped += len(rows)
            rows.clear()

    def post(self, path: str, body: bytes, limit: float) -> Tuple[int, str]:
        """Returns the status and the first line of an answer, or 0 and what went wrong."""
        kept = self.is_usable()
        while True:
            try:
                return self.exchange(self.base + path, body, limit)
            except (OSError, self.http.HTTPException, RuntimeError, ValueError) as error:
                self.close()
                late = isinstance(error, self.timeout_error())
                if late or not kept:
                    return 0, "no answer in time" if late else str(error) or type(error).__name__
                kept = False  # the bridge closed the kept connection meanwhile: a new one may work
            except BaseException:
                self.close()
                raise

    @staticmethod
    def timeout_error() -> Any:
        from socket import timeout

        return timeout

    def exchange(self, path: str, body: bytes, limit: float) -> Tuple[int, str]:
        """Sends a request and reads its answer."""
        if self.connection is None:
            self.connect(limit)
        self.connection.sock.settimeout(limit)
        self.connection.request("POST", path, body, self.headers)
        response = self.connection.getresponse()
        text = response.read().decode(errors="replace")
        if response.will_close:
            self.close()
        return response.status, text.strip()[:300]

    def connect(self, limit: float) -> None:
        if self.tls is None:
            self.connection = self.http.HTTPConnection(*self.address, timeout=limit)
        else:
            self.connection = self.http.HTTPSConnection(*self.address, timeout=limit, context=self.tls)
        self.connection.connect()
        self.file = self.file_of(self.connection.sock)

    @staticmethod
    def file_of(sock: Any) -> Tuple[int, ...]:
        found = os.fstat(sock.fileno())
        return found.st_dev, found.st_ino

    def is_usable(self) -> bool:
        """Says whether the kept connection can be used.

        A test may have closed all file descriptors, and opened a socket of its own that has the same number. And a
        connection that the bridge has closed is readable.
        """
        if self.connection is None:
            return False
        sock = self.connection.sock
        try:
            if self.file_of(sock) == self.file:
                from select import select

                if not select([sock], [], [], 0)[0]:
                    return True
                self.close()
                return False
        except (OSError, ValueError):
            pass
        sock.detach()  # the descriptor belongs to somebody else, who needs it open
        self.connection = None
        return False

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
