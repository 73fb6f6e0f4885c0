/* A jobserver that axmake serves: its tokens, its tasks, and what these start. Checked by run.py with spin: nobody waits for ever, and in the end each
 * token is where it was.
 *
 * Stands for                                             in src/run/
 *   take      jobserver_take, take_byte                  jobserver.c
 *   give      jobserver_give: an heir's byte goes back   jobserver.c
 *   loop      start_some, watch_tokens, token_there      turns.c
 *   release   sched_release, top_up; jobserver_top_up    sched_back.c, jobserver.c
 *   program   what a task starts, make or cargo: it takes and returns tokens itself, and may be killed with them
 *   other     a client beside the tasks (a nested make of a task that goes on): it only takes from and returns to the pipe
 *
 * NO_KILL: no program is killed, so that nothing may have to be put back.
 *
 * Mutations, each of which has to be found: LOSE (a killed task's slot is not given back), TWICE (it is given back twice), NO_TOP_UP (what died with a program is
 * never put back), EAGER_TOP_UP (it is put back while somebody still holds the pipe), NO_WATCH (who found no token waits for own tasks alone), NO_HEIR (the
 * implicit slot ends, and the byte of who takes its place stays away).
 */
#ifndef TOKENS
#define TOKENS 2 /* in the pipe: -j3 */
#endif
#define TASKS 3

#define NONE 0
#define IMPLICIT 1
#define BYTE 2

byte pipe = TOKENS;    /* bytes in it */
byte slot[TASKS];      /* NONE, IMPLICIT, BYTE */
byte own[TASKS];       /* tokens that a task's program has taken itself */
bool holds[TASKS];     /* has its program the pipe? */
byte others = 0;       /* tokens of the other client */
bool other_lives = true;
bool implicit = false; /* is the implicit slot taken? */
byte started = 0, ended = 0;
chan ends = [TASKS] of { byte };

#define HELD ((slot[0] == BYTE) + (slot[1] == BYTE) + (slot[2] == BYTE))
#define TAKEN (own[0] + own[1] + own[2] + others)
#define PIPE_IS_HELD (holds[0] || holds[1] || holds[2] || other_lives)

/* A program that a task has started. */
proctype program(byte me)
{
	byte n = 0;
	do
	:: atomic { n < 2 && pipe > 0 -> pipe--; own[me]++; n++ }
	:: atomic { own[me] > 0 -> pipe++; own[me]-- }
#ifndef NO_KILL
	:: atomic { own[me] == 0 -> holds[me] = false; ends ! me; break }
	:: atomic { true -> own[me] = 0; holds[me] = false; ends ! me; break } /* killed */
#else
	:: atomic { own[me] == 0 && (me > 0 || started > 1) -> holds[me] = false; ends ! me; break } /* the first talks with the second's */
#endif
	od
}

/* It returns what it takes, and never needs it to end: it has a slot of its own. */
active proctype other()
{
	if
	:: atomic { pipe > 0 -> pipe--; others++ };
		atomic { pipe++; others-- }
	:: true -> skip
	fi;
	other_lives = false
}

inline take(me, got)
{
	if
	:: !implicit -> implicit = true; slot[me] = IMPLICIT; got = true
	:: implicit && pipe > 0 -> pipe--; slot[me] = BYTE; got = true
	:: else -> got = false
	fi
}

inline give(me)
{
	if
	:: slot[me] == BYTE -> pipe++
	:: slot[me] == IMPLICIT && HELD == 0 -> implicit = false
	:: else -> /* an heir */
		heir = 0;
		do
		:: slot[heir] == BYTE -> break
		:: else -> heir++
		od;
		slot[heir] = IMPLICIT;
#ifndef NO_HEIR
		pipe++
#else
		skip
#endif
	fi;
	slot[me] = NONE
}

/* The scheduler: one loop, which sleeps only where nothing can be done. */
active proctype loop()
{
	byte who, heir;
	bool got, watching;
	do
	:: ended == TASKS -> break
	:: else ->
		got = started < TASKS;
		if
		:: started < TASKS ->
			atomic {
				take(started, got);
				if
				:: got -> holds[started] = true; run program(started); started++
				:: else -> skip
				fi
			}
		:: else -> skip
		fi;
		watching = !got && started < TASKS;
#ifdef NO_WATCH
		watching = false;
#endif
		if
		:: got -> skip /* perhaps another one can start at once */
		:: !got && watching && pipe > 0 -> skip
		:: !got && nempty(ends) ->
			atomic {
				ends ? who;
				ended++;
#ifdef LOSE
				slot[who] = NONE;
#else
				give(who);
#endif
#ifdef TWICE
				pipe++;
#endif
			};
			assert(pipe + HELD + TAKEN <= TOKENS); /* nothing comes of nothing */
			atomic { /* release */
				if
#if defined(NO_TOP_UP) || defined(NO_KILL)
				:: false -> skip
#elif defined(EAGER_TOP_UP)
				:: true -> pipe = TOKENS - HELD
#else
				:: !PIPE_IS_HELD -> pipe = TOKENS - HELD
#endif
				:: else -> skip
				fi
			};
			assert(pipe + HELD + TAKEN <= TOKENS)
		fi
	od;
	!PIPE_IS_HELD;
	atomic { /* jobserver_close says what is missing then; the pool is gone with its last holder */
#if !defined(NO_TOP_UP) && !defined(NO_KILL)
		pipe = TOKENS - HELD;
#endif
		assert(pipe == TOKENS && !implicit)
	}
}
