"""What axmake knows, by the tables of its source and by what the program says of itself."""

import os
import re
from collections import namedtuple

from suite import TREE, check, read

Option = namedtuple("Option", "letter names arg built")


def source(path):
    return read(os.path.join(TREE, "src", path))


def all_sources():
    for folder, _, files in os.walk(os.path.join(TREE, "src")):
        for name in files:
            if name.endswith(".c"):
                yield read(os.path.join(folder, name))


def part(text, begin):
    """From the line that begins so to the next line that is a closing brace at its depth."""
    at = text.index(begin)
    return text[at : re.compile(r"^\}", re.MULTILINE).search(text, at).start()]


def options():
    rows = re.findall(r"^\s*\{(?:'(.)'|0), \"([^\"]+)\", (ARG_\w+), (\w+),", source("options.c"), re.MULTILINE)
    check(len(rows) > 40, "options.c has another table than is looked for here", rows)
    return [Option(letter, names.split(), arg, how != "set_not_built") for letter, names, arg, how in rows]


def key_rows(text):
    """(key, may it be a default) of a table of struct key_row."""
    rows = re.findall(r"\{\"(\w+)\", [^{}]*?, (true|false)\}", text)
    check(rows, "no table of keys", text)
    return [(name, default == "true") for name, default in rows]


def keys(text):
    return {name for name, _ in key_rows(text)}


def task_rows():
    return key_rows(part(source("load/task_keys.c"), "static const struct key_row task_rows[]"))


def task_keys():
    return {name for name, _ in task_rows()} - {"actor"}  # which only stages have


def default_keys():
    return {name for name, default in task_rows() if default}


def file_keys():
    return keys(part(source("load/file_keys.c"), "void file_read("))


def policy_keys():
    text = source("load/file_keys.c")
    return keys(part(text, "static void read_policy(")), keys(part(text, "static void read_constraints("))


def budget_keys():
    return keys(part(source("load/limit_keys.c"), "static void read_limits("))


def retry_keys():
    return keys(part(source("load/task_keys.c"), "static void read_retry("))


def try_classes():
    return set(re.findall(r"\{\"(\w+)\", TRY_\w+\}", source("load/task_keys.c")))


def choices():
    """{key of a task: the words that it takes}"""
    text, found = source("load/task_keys.c") + source("load/limit_keys.c"), {}
    for key in ("on_edit", "context", "run_if", "isolate", "complexity"):
        found[key] = set(re.findall(rf"\[{key.upper()}_\w+\] = \"(\w+)\"", text))
        check(len(found[key]) == 3, found)
    return found


def words_of(path, begin):
    return set(re.findall(r"\"([\w-]+)\"", part(source(path), begin)))


def foreign_sections():
    return words_of("load/file_keys.c", "static const char *const foreign_sections[]")


def foreign_constraints():
    text = source("load/file_keys.c")
    return set(re.findall(r"\"(\w+)\"", re.search(r"foreign_constraints\[\] = \{(.*?)\}", text, re.DOTALL)[1]))


def foreign_policy():
    return set(re.findall(r"STR\(\"(\w+)\"\)", part(source("load/file_keys.c"), "static bool other_policy(")))


def foreign_entry_keys():
    return set(re.findall(r"\"(\w+)\"", re.search(r"foreign\[\] = \{(.*?)\}", source("load/dialect.c"), re.DOTALL)[1]))


def provider_keys():
    return set(re.findall(r"^\s*\{\"(\w+)\",", part(source("load/provider_keys.c"), "static const struct key_def keys[]"), re.MULTILINE))


def placeholders():
    return set(re.findall(r"\"(\w+)\"", re.search(r"placeholders\[\] = \{(.*?)\}", source("load/provider_keys.c"), re.DOTALL)[1]))


def executor_keys():
    return set(re.findall(r"^\s*\{\"(\w+)\",", part(source("load/executor.c"), "static const struct key_def keys[]"), re.MULTILINE))


def executor_placeholders():
    return set(re.findall(r"\"(\w+)\"", re.search(r"placeholders\[\] = \{(.*?)\}", source("load/executor.c"), re.DOTALL)[1]))


def agent_keys():
    return set(re.findall(r"STR\(\"(\w+)\"\)", part(source("load/rules.c"), "static void set_agent_key(")))


def kinds_of_section():
    return set(re.findall(r"STR\(\"(\w+)\"\)", part(source("load/rules.c"), "void rules_add(")))


def json_keys():
    text = source("load/config.c") + source("load/config_providers.c")
    return set(re.findall(r"(?:json_object_get|read_number|read_bool)\([^\"()]*\"(\w+)\"", text)) | {"providers"}


def settings(box):
    """Which names [axmake] takes, by what the program says of each option's and of the few others."""
    names = {o.names[0] for o in options()} | {"cache_dir", "cache_size", "cache_url", "cache_push", "cache_timeout", "cache_ca", "cache_key", "notify"}
    known = set()
    with open(box.path("workflow.ax.yaml"), "w", encoding="utf-8") as f:
        f.write("tasks: [{name: a, run: b}]\n")
    for name in sorted(names):
        with open(box.path("axmake.ini"), "w", encoding="utf-8") as f:
            f.write(f"[axmake]\n{name} = ?\n")
        said = box.call("axmake --validate").text
        if not re.search(rf"unknown setting|'{name}' is an option, but no setting|'{name}' is not built yet", said):
            known.add(name)
    os.remove(box.path("axmake.ini"))
    check(len(known) > 8, known)
    return known


def variables_read():
    """What is asked of the environment by a name that stands in the code."""
    names = set()
    for text in all_sources():
        names |= set(re.findall(r"(?:getenv|is_set)\((?:\w+, )?\"(\w+)\"\)", text))
        if "getenv(names[i])" in text:
            names |= {n for words in re.findall(r"names\[\] = \{([^}]*)\}", text) for n in re.findall(r"\"([A-Z_]+)\"", words)}
    check("AXMAKEFLAGS" in names and "MAKE_TMPDIR" in names, names)
    return names


def variables_given():
    """What a task finds that axmake sets: those that it lets nobody inherit."""
    names = set(re.findall(r"\"(AX_[A-Z]+)=\"", source("run/childenv.c")))
    check("AX_ROOT" in names, names)
    return names | {"AX_RESULT_NAME", "MAKEFLAGS"}


def verbs(box):
    """{verb: {its options, as they are spelled}}, by the program's own help."""
    found = {}
    for verb in re.findall(r"^  ax ([a-z]+(?: [a-z]+)?)", box.call("ax --help").ok().text, re.MULTILINE):
        said = box.call(f"ax {verb} --help").ok().text
        found[verb] = set(re.findall(r"(?<![\w-])(-\w|--[a-z][\w-]*)(?=[,= ]|$)", "\n".join(re.findall(r"^ +(-.{0,25})", said, re.MULTILINE))))
    check(len(found) > 10, found)
    return found
