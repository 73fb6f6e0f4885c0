#include "load/foreign_words.h"

#include <string.h>

/* Words without '-', '_' and capitals, each between spaces. */
struct wording {
	const char *words, *hint;
};

static const struct wording of_task[] = {
    {" command commands cmd cmds script scripts bash sh exec entrypoint ", "a shell script is called 'run'"},
    {" steps uses ", "a step is a line of 'run', or a task of its own with 'dependencies'"},
    {" instruction instructions message messages query question ", "what an agent is asked is called 'task'"},
    {" promptfile instructionsfile promptpath ", "a file that holds what an agent is asked is called 'task_file'"},
    {" systemprompt system role ", "an agent's role stands in axmake.ini: 'role = …' below '[agent NAME]'"},
    {" llm engine vendor ", "who answers is called 'provider', and of what kind 'model'"},
    {" temperature topp ", "words for a provider's program stand in its 'command' in axmake.ini"},
    {" dependency prerequisites prereqs requires require upstream dependson waitfor ", "tasks that come first are called 'dependencies'"},
    {" orderonly ", "tasks that only come first, and do not count, are called 'after'"},
    {" before ", "say it the other way round: the later task has 'after' or 'dependencies'"},
    {" sources source srcs src files reads watch ", "files whose content counts are called 'inputs'"},
    {" generates artifact artifacts produces products creates makes target targets dest ", "files that it makes are called 'outputs'"},
    {" modifies changes writes inplace ", "files that it changes in place are called 'edits'"},
    {" if condition conditions onlyif skipif unless precondition preconditions ", "a condition is called 'when'"},
    {" onfailure onerror finally rescue triggerrule ", "give a task of its own 'run_if: failure' (or 'done') and this one in 'dependencies'"},
    {" retries maxretries retrycount retrylimit tries maxtries attempts maxattempts retrypolicy ",
     "tries are called 'retry', the first one counts: 'retry: {attempts: 3}'"},
    {" retrydelay retryinterval retrywait backoff delay ", "the time between tries stands in 'retry': 'retry: {attempts: 3, delay: 5s}'"},
    {" timeoutminutes timeoutmin timeoutmins timeoutseconds timeoutsec timeoutsecs timeoutms timelimit maxtime deadline walltime ",
     "a limit on time is called 'timeout', with its unit: 30s, 10m, 1h"},
    {" idletimeout silencetimeout ", "a limit on the time without output is called 'stall'"},
    {" cwd dir directory chdir workdir workingdir workingdirectory ",
     "tasks run in the root ('root' of the file): begin 'run' with 'cd DIR', or name DIR in 'task'"},
    {" environment environ envs envvars vars variables ", "variables of a task are called 'env' ('vars' are the file's)"},
    {" envfile dotenv secrets passenv ", "variables come from where axmake is started; those that count are called 'env_inputs'"},
    {" parallel parallelism concurrency concurrent maxparallel maxconcurrency jobs threads ",
     "tasks run at once as far as 'dependencies' let them: -jN says how many, 'slots' how much of that one takes"},
    {" cpu cpus cores weight ", "how many places of -jN it takes is called 'slots'"},
    {" mem ram memorylimit resources ", "memory that must be free is called 'memory', places at once 'slots' and 'pool'"},
    {" semaphore mutex resource queue concurrencygroup resourcegroup ", "a limit on how many run at once is called 'pool', with its size in the file's 'pools'"},
    {" strategy foreach for loop each withitems ", "a task for each of some values is called 'matrix'"},
    {" continueonerror continueonfailure continueon ignoreerror ignoreerrors allowfailure ", "a task that may fail is called 'optional: true'"},
    {" phony force runalways alwaysrun ", "a task that runs each time is called 'always: true'"},
    {" validate validation validator verify test tests assert expect successcriteria acceptance ", "a script that judges what was made is called 'check'"},
    {" approval manual confirm confirmation gate ", "a question that a person says yes to is called 'approve'"},
    {" background detach daemon ", "a server that stays is a task with 'leave: true'"},
    {" container image docker runson host node ", "where it runs is called 'executor' (podman, ssh, slurm and those of axmake.ini)"},
    {" maxtokens tokenlimit maxcost costlimit maxbudget ", "a limit on money or tokens is called 'budget': 'budget: {cost_usd: 1, tokens: 200k}'"},
    {" desc summary title label comment help ", "words for people are called 'description'"},
};

static const struct wording of_file[] = {
    {" steps nodes jobs targets task services pipeline rules ", "axmake's list of tasks is called 'tasks'"},
    {" variables var params parameters args ", "variables are called 'vars'"},
    {" includes import imports extends ", "other workflow files are called 'include'"},
    {" parallel parallelism concurrency maxparallel maxconcurrency maxconcurrentagents ",
     "tasks run at once as far as 'dependencies' let them: -jN says how many ('jobs = N' below '[axmake]' in axmake.ini)"},
    {" retries maxretries maxattempts attempts ", "tries are called 'retry', for all tasks in 'defaults': 'defaults: {retry: {attempts: 3}}'"},
    {" cwd dir directory workdir workingdir workingdirectory basedir ", "the folder in which tasks run is called 'root'"},
    {" budget maxcost costlimit maxtokens ", "what a run may spend stands in 'policy': 'policy: {budget: {cost_usd: 5}}'"},
    {" agents ", "agents of your own stand in axmake.ini, below '[agent NAME]'"},
    {" on schedule cron ", "axmake runs when it is started, by CI or cron too; --watch starts it when files change"},
    {" dotenv envfile ", "variables come from where axmake is started: 'env_inputs' of a task names those that count"},
    {" defaulttarget defaultgoal main ", "what a bare axmake makes is called 'default'"},
};

static const struct wording of_retry[] = {
    {" max count times limit tries retries maxattempts maxretries ", "how many tries in all is called 'attempts'"},
    {" interval wait seconds intervalsec delayseconds pause ", "the time between tries is called 'delay', with its unit: 5s, 1m"},
    {" strategy policy type factor multiplier ", "delays that double are called 'backoff: exponential'"},
    {" maxinterval maxwait cap ", "the longest time between tries is called 'max_delay'"},
    {" exitcode exitcodes when if retryon retryif errors ", "which failures are tried again is called 'on': [transient, timeout, check, …]"},
};

static const struct wording of_budget[] = {
    {" cost costs usd usdollars dollars dollar money price amount max limit total spend maxcost costlimit maxusd maxcostusd costinusd ",
     "an amount in US dollars is called 'cost_usd': 'budget: {cost_usd: 5}'"},
    {" maxtokens tokenlimit tokensmax totaltokens tokencount ", "how many tokens is called 'tokens': 'budget: {tokens: 200k}'"},
};

enum { LONGEST_WORD = 40 };

/* " retries " of "Retries": as the tables have them; false for what is longer than any of them. */
static bool plain_word(struct str key, char out[LONGEST_WORD + 3])
{
	size_t n = 1;

	out[0] = ' ';
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		if (c == '-' || c == '_')
			continue;
		if (n > LONGEST_WORD || c == ' ' || !c)
			return false;
		out[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	out[n++] = ' ';
	out[n] = '\0';
	return n > 2;
}

static const char *find(const struct wording *w, size_t n, struct str key)
{
	char word[LONGEST_WORD + 3];

	if (!plain_word(key, word))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strstr(w[i].words, word))
			return w[i].hint;
	return NULL;
}

const char *foreign_word_of_task(struct str key)
{
	return find(of_task, sizeof of_task / sizeof *of_task, key);
}

const char *foreign_word_of_file(struct str key)
{
	return find(of_file, sizeof of_file / sizeof *of_file, key);
}

const char *foreign_word_of_retry(struct str key)
{
	return find(of_retry, sizeof of_retry / sizeof *of_retry, key);
}

const char *foreign_word_of_budget(struct str key)
{
	return find(of_budget, sizeof of_budget / sizeof *of_budget, key);
}
