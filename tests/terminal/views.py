"""What --graph, lists and results show on a terminal."""

from terminal import Terminal, workflow


def the_graph_keeps_to_the_terminal(box):
    """Long names are cut at their end; of many dependencies those that find room are named, and the rest counted."""
    tasks = ["""{name: plan, run: ":"}"""]
    tasks += [f"""{{name: "part-{i}", run: ":", dependencies: [plan]}}""" for i in range(9)]
    tasks += ["""{name: a-task-whose-name-is-too-long-for-the-terminal-by-far, run: ":", dependencies: [plan]}"""]
    tasks += ["""{name: merge, run: ":", dependencies: [""" + ", ".join(f"part-{i}" for i in range(9)) + "]}"]
    tasks += ["""{name: "漢字", run: ":", dependencies: [a-task-whose-name-is-too-long-for-the-terminal-by-far, merge]}"""]
    workflow(box, tasks)
    with Terminal(box, 50, 16) as t:
        t.type("axmake --graph")
        t.shows("""
$ axmake --graph
plan       run
├─ part-0  run
├─ part-1  run
├─ part-2  run
├─ part-3  run
├─ part-4  run
├─ part-5  run
├─ part-6  run
├─ part-7  run
├─ part-8  run
├─ a-task-whose-name-is-too-long-for-the-ter…  run
├─ merge   run  <- part-0, part-1 and 7 more
└─ 漢字    run  <- a-task-whose-name-i… and 1 more
$
""")


RELEASE = [
    "{name: requirements, agent: product, task: Collect requirements}",
    "{name: threat-model, agent: security, task: Model threats, dependencies: [requirements]}",
    "{name: design, agent: architecture, task: Design it, dependencies: [requirements]}",
    "{name: api-contract, agent: backend, task: Write the contract, dependencies: [design]}",
    "{name: schema, agent: backend, task: Write the schema, dependencies: [design]}",
    '{name: \'service\', run: "true", matrix: {part: [auth, billing, catalog, orders, search]}, dependencies: [api-contract, schema]}',
    '{name: \'unit\', run: "true", matrix: {part: [auth, billing, catalog, orders, search]}, dependencies: [service]}',
    "{name: frontend, agent: frontend, task: Build the pages, dependencies: [api-contract]}",
    '{name: frontend-tests, run: "true", dependencies: [frontend]}',
    '{name: lint, run: "true", dependencies: [frontend, service]}',
    "{name: docs, agent: writer, task: Write the manual, dependencies: [api-contract, frontend]}",
    "{name: security-review, agent: security, task: Review, dependencies: [threat-model, service]}",
    '{name: integration, run: "true", dependencies: [unit, frontend-tests]}',
    '{name: load-test, run: "true", dependencies: [integration]}',
    "{name: changelog, agent: writer, task: Write the changelog, dependencies: [docs]}",
    '{name: package, run: "true", dependencies: [integration, lint, docs]}',
    '{name: sign, run: "true", dependencies: [package]}',
    '{name: staging, run: "true", dependencies: [sign, security-review]}',
    '{name: smoke, run: "true", dependencies: [staging]}',
    '{name: approve, run: "true", dependencies: [smoke, load-test], approve: \'Go live?\'}',
    '{name: production, run: "true", dependencies: [approve]}',
    "{name: announce, agent: writer, task: Announce it, dependencies: [production, changelog]}",
]

GRAPH_80 = """
$ axmake --graph
requirements             agent product
├─ threat-model          agent security
├─ design                agent architecture
│  ├─ api-contract       agent backend
│  │  ├─ frontend        agent frontend
│  │  │  frontend-tests  run                 <- frontend
│  │  └─ docs            agent writer        <- api-contract, frontend
│  │     changelog       agent writer        <- docs
│  ├─ schema             agent backend
│  ├─ service (all 5)    5 × run             <- api-contract, schema
│  ├─ unit (all 5)       5 × run             <- service (all 5)
│  ├─ lint               run                 <- frontend, service (all 5)
│  ├─ integration        run                 <- unit (all 5), frontend-tests
│  │  load-test          run                 <- integration
│  └─ package            run                 <- integration, lint, docs
│     sign               run                 <- package
├─ security-review       agent security      <- threat-model, service (all 5)
├─ staging               run                 <- sign, security-review
│  smoke                 run                 <- staging
├─ approve               run                 <- smoke, load-test
│  production            run                 <- approve
└─ announce              agent writer        <- production, changelog
$
"""

GRAPH_120 = """
$ axmake --graph
requirements                                     agent product
├─ threat-model                                  agent security
├─ design                                        agent architecture
│  ├─ api-contract                               agent backend
│  │  ├─ frontend                                agent frontend
│  │  │  frontend-tests                          run                 <- frontend
│  │  └─ docs                                    agent writer        <- api-contract, frontend
│  │     changelog                               agent writer        <- docs
│  ├─ schema                                     agent backend
│  ├─ service[part=auth] … service[part=search]  5 × run             <- api-contract, schema
│  ├─ unit[part=auth] … unit[part=search]        5 × run             <- service (all 5)
│  ├─ lint                                       run                 <- frontend, service (all 5)
│  ├─ integration                                run                 <- unit (all 5), frontend-tests
│  │  load-test                                  run                 <- integration
│  └─ package                                    run                 <- integration, lint, docs
│     sign                                       run                 <- package
├─ security-review                               agent security      <- threat-model, service (all 5)
├─ staging                                       run                 <- sign, security-review
│  smoke                                         run                 <- staging
├─ approve                                       run                 <- smoke, load-test
│  production                                    run                 <- approve
└─ announce                                      agent writer        <- production, changelog
$
"""

GRAPH_50 = """
$ axmake --graph
requirements             agent product
├─ threat-model          agent security
├─ design                agent architecture
│  ├─ api-contract       agent backend
│  │  ├─ frontend        agent frontend
│  │  │  frontend-tests  run  <- frontend
│  │  └─ docs            agent writer  <- 2 tasks
│  │     changelog       agent writer  <- docs
│  ├─ schema             agent backend
│  ├─ service (all 5)    5 × run  <- 2 tasks
│  ├─ unit (all 5)       5 × run  <- service (all…
│  ├─ lint               run  <- 6 tasks
│  ├─ integration        run  <- 6 tasks
│  │  load-test          run  <- integration
│  └─ package            run  <- 3 tasks
│     sign               run  <- package
├─ security-review       agent security
├─ staging               run  <- sign and 1 more
│  smoke                 run  <- staging
├─ approve               run  <- smoke, load-test
│  production            run  <- approve
└─ announce              agent writer  <- 2 tasks
$
"""


def shows_release(box, columns, rows, golden):
    workflow(box, RELEASE, axmake_ini="".join(f"[agent {a}]\nprovider = offline\n" for a in ("product", "security", "architecture", "backend", "frontend", "writer")))
    with Terminal(box, columns, rows) as t:
        t.type("axmake --graph")
        t.shows(golden)


def a_graph_of_thirty_tasks_is_read_at_a_glance(box):
    """As a person would draw a release: what comes first stands first, what joins branches says of which, and a matrix is a line."""
    shows_release(box, 80, 24, GRAPH_80)


def a_larger_terminal_shows_more_of_each_task(box):
    shows_release(box, 120, 40, GRAPH_120)


def a_smaller_terminal_loses_words_and_no_lines(box):
    """Where no name of what a task needs has room they are counted, and where not even that has room nothing is said."""
    shows_release(box, 50, 24, GRAPH_50)


def lists_keep_to_the_terminal(box):
    """ax list agents cuts what agents are told, and --doctor goes on below its text."""
    ini = "".join(f"[provider p{i}]\ncommand = no-such-program-{i}\n" for i in range(2)) + "[provider good]\ncommand = cat\nversion_args = --version\nmax_concurrent = 4\nrate_capacity = 10\nrate_refill = 0.5\n"
    ini += "".join(f"[agent agent-{i}]\nprovider = good\nrole = You are the agent of number {i}, and told much more than fits here\n" for i in range(9))
    workflow(box, ["{name: a, run: ':'}"], axmake_ini=ini)
    with Terminal(box, 60, 24) as t:
        t.type("clear; AXMAKEFLAGS=-r ax list agents; axmake --doctor -r")
        t.shows("""
agent-0  good  You are the agent of number 0, and told much…
agent-1  good  You are the agent of number 1, and told much…
agent-2  good  You are the agent of number 2, and told much…
agent-3  good  You are the agent of number 3, and told much…
agent-4  good  You are the agent of number 4, and told much…
agent-5  good  You are the agent of number 5, and told much…
agent-6  good  You are the agent of number 6, and told much…
agent-7  good  You are the agent of number 7, and told much…
agent-8  good  You are the agent of number 8, and told much…
providers
  p0: not installed (no 'no-such-program-0' in PATH)
  p1: not installed (no 'no-such-program-1' in PATH)
  good: usable: [[.*]];
      public; at most 4 at once; 10 calls may begin at
      once, then 0.5 a second
agents, by the provider that would serve them now
  good: agent-0, agent-1, agent-2, agent-3, agent-4,
      agent-5, agent-6, agent-7, agent-8
variables that hold keys, by their names: none
$
""")


def a_result_ends_its_line(box):
    """A result without a final newline gets one on a terminal, and nowhere else; one that has it gets no second."""
    workflow(box, ["{name: bare, run: printf done}", "{name: whole, run: echo done}"])
    with Terminal(box, 60, 24) as t:
        t.type("axmake -s > /dev/null; clear; axmake --result bare; axmake --result whole; axmake --result bare | od -An -c")
        t.shows("""
done
done
   d   o   n   e
$
""")
