"""The agents' programs: where they come from, and what each wants to be told to call our server instead of its service."""

import json
import os
import shutil
import subprocess
import time


class Program:
    """`name` is its provider's. `env` and `files` (of its home) are told the base URL, the key and the model."""

    def __init__(self, name, package, version, bin, env, files=None, setup=False, model="stub-model", prompt=1_000_000, limit="", role=True, light=False, session=True, mb=250, shell=None):
        self.name, self.package, self.version, self.bin = name, package, version, bin
        self.env, self.files = env, files or (lambda url, key, model, once=False: {})
        self.setup = setup  # does its package work only after its own install script has run
        self.model = model  # as axmake names it; None: its own default will do
        self.prompt, self.limit = prompt, limit  # bytes of the largest prompt tried, and why not 1 MB
        self.role = role  # does it take a role apart from the prompt
        self.session = session  # does its rule go on with a session
        self.shell = shell  # its own settings that let it run `sh FILE`; None: its rule lets it run commands
        self.light = light  # is it quick to start
        self.mb = mb  # memory that one run takes

    def folder(self, store):
        return os.path.join(store, f"{self.name}-{self.version}")

    def bin_folder(self, store):
        return os.path.join(self.folder(store), "node_modules", ".bin")


def claude_env(url, key, model):
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key}


def codex_files(url, key, model, once=False):
    return {".codex/config.toml": f'openai_base_url = "{url}/v1"\n'}


def gemini_files(url, key, model, once=False):
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False, **({"maxAttempts": 1} if once else {})}}
    return {".gemini/settings.json": json.dumps(settings)}


def opencode_env(url, key, model):
    options = {"baseURL": f"{url}/v1", "apiKey": key}
    models = {m: {"name": m} for m in ("stub-model", "unknown-model")}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "stub", "options": options, "models": models}
    config = {"share": "disabled", "model": "stub/stub-model", "provider": {"stub": provider}}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps(config), "OPENCODE_DISABLE_MODELS_FETCH": "1"}


def qwen_files(url, key, model, once=False):
    settings = {
        "security": {"auth": {"selectedType": "openai"}}, "memory": {"enableManagedAutoMemory": False},
        "privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False},
        **({"model": {"generationConfig": {"maxRetries": 0}}} if once else {}),
    }
    return {".qwen/settings.json": json.dumps(settings)}


PROGRAMS = [
    Program("claude-code", "@anthropic-ai/claude-code", "2.1.330", "claude", claude_env, setup=True, light=True, mb=220, shell={".claude/settings.json": {"permissions": {"allow": ["Bash(sh *)"]}}}),
    Program("codex", "@openai/codex", "0.169.0", "codex", lambda url, key, model: {"CODEX_API_KEY": key}, codex_files, light=True, mb=170),
    Program("gemini-cli", "@google/gemini-cli", "0.61.0", "gemini",
            lambda url, key, model: {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": key}, gemini_files, role=False, session=False, mb=330, shell={".gemini/settings.json": {"tools": {"allowed": ["run_shell_command(sh)"]}}}),
    Program("opencode", "opencode-ai", "1.18.33", "opencode", opencode_env, setup=True, model="stub/stub-model", role=False, mb=610),
    Program("qwen-code", "@qwen-code/qwen-code", "0.24.4", "qwen",
            lambda url, key, model: {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_MODEL": model}, qwen_files,
            prompt=500_000, limit="it refuses more than it takes for 177 000 tokens, before it calls anybody", mb=380,
            shell={".qwen/settings.json": {"tools": {"allowed": ["run_shell_command(sh)"]}}}),
]
SMALLEST = "gemini-cli"  # 100 MB, and no install script


class CannotInstall(Exception):
    pass


def install(program, store, seconds=400):
    """Puts the program into its folder, unless it is there. Only a finished install gets the folder's name."""
    final = program.folder(store)
    if os.path.exists(os.path.join(program.bin_folder(store), program.bin)):
        return
    npm = shutil.which("npm")
    if not npm:
        raise CannotInstall("npm is not installed")
    fresh = f"{final}.{os.getpid()}.tmp"
    os.makedirs(fresh)
    words = [npm, "install", "--prefix", fresh, "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=60000"]
    if not program.setup:
        words.append("--ignore-scripts")
    began = time.monotonic()
    try:
        p = subprocess.run(words + [f"{program.package}@{program.version}"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
        if p.returncode:
            said = [line for line in (p.stderr or p.stdout).splitlines() if line.strip()]
            raise CannotInstall("npm: " + " ".join(said[:2] or [f"exit status {p.returncode}"]))
        shutil.rmtree(final, ignore_errors=True)
        os.rename(fresh, final)
        print(f"installed {program.name} {program.version} in {time.monotonic() - began:.0f} s", flush=True)
    except subprocess.TimeoutExpired:
        raise CannotInstall(f"npm had not finished after {seconds} s") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
