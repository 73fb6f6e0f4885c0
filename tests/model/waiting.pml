/* What a task waits for before it starts, in two axmakes below one parent that share its tokens and a provider's one place. Checked by run.py with spin:
 * nobody waits for ever, all ends, and all is given back.
 *
 * Stands for                                                             in src/run/
 *   take      admission_take, take_slots, take_several: all or none      admission.c
 *             a task of several slots, where nothing runs, starts on what there is
 *   again     admission_look_again, watch_tokens, token_there            admission.c, turns.c
 *   provided  provided: a provider's place is asked with the slots in hand, which go back where there is none   turns.c, choice.c
 *   ask       delegate_ask: the asker's slot is given back before its delegates start   delegate.c
 *   give      admission_give, jobserver_give                             admission.c, jobserver.c
 *
 * Mutations, each of which has to be found: HOLD (too few tokens are kept while waiting for more), HOLD_SLOTS (slots are kept while waiting for the provider),
 * KEEP_ASKING (an asker keeps its slot while its delegate waits for one), KEEP_PLACE (the provider's place is not given back).
 */
#ifndef TOKENS
#define TOKENS 2 /* beside the implicit slot that each process has */
#endif

byte pipe = TOKENS;
byte place = 1;      /* of the provider */
byte done = 0;
bool implicit[2];    /* is a process's own slot taken? */
byte running[2];     /* its tasks that have started and not ended */

/* `wanted` slots at once, into own (the implicit one) and bytes. */
inline take(me, wanted, own, bytes)
{
	do
	:: own + bytes == wanted -> break
	:: atomic { own + bytes < wanted && !implicit[me] -> implicit[me] = true; own = 1 }
	:: atomic { own + bytes < wanted && implicit[me] && pipe > 0 -> pipe--; bytes++ }
#ifndef HOLD
	:: own + bytes > 0 && own + bytes < wanted && (own || implicit[me]) && pipe == 0 ->
		if
		:: running[me] == 0 -> break /* alone: with what there is */
		:: running[me] > 0 -> give(me, own, bytes); pipe > 0 || running[me] == 0 /* again, when a token is there */
		fi
#endif
	od
}

inline give(me, own, bytes)
{
	atomic {
		pipe = pipe + bytes;
		bytes = 0;
		if
		:: own -> implicit[me] = false; own = 0
		:: else -> skip
		fi
	}
}

/* A task of one slot beside the others of its process. */
proctype beside(byte me)
{
	byte own = 0, bytes = 0;

	take(me, 1, own, bytes);
	running[me]++;
	atomic { running[me]--; give(me, own, bytes); done++ }
}

/* A task of three slots, and then one whose agent asks another agent. */
proctype axmake(byte me)
{
	byte own = 0, bytes = 0, d_own = 0, d_bytes = 0;
	bool provider = false;

	take(me, 3, own, bytes);
	give(me, own, bytes);

	do
	:: provider -> break
	:: else ->
		take(me, 1, own, bytes);
		if
		:: atomic { place > 0 -> place--; provider = true }
		:: place == 0 ->
#ifndef HOLD_SLOTS
			give(me, own, bytes);
			place > 0 /* sleeps until somebody gives it back */
#else
			atomic { place > 0 -> place--; provider = true }
#endif
		fi
	od;
#ifndef KEEP_PLACE
	place++;
#endif
#ifndef KEEP_ASKING
	give(me, own, bytes);
#endif
	/* Its answer asks another, which needs slot and place as any. */
	provider = false;
	do
	:: provider -> break
	:: else ->
		take(me, 1, d_own, d_bytes);
		if
		:: atomic { place > 0 -> place--; provider = true }
		:: place == 0 -> give(me, d_own, d_bytes); place > 0
		fi
	od;
	place++;
	give(me, d_own, d_bytes);
	give(me, own, bytes);
	done++
}

/* Another tool of theirs that has the provider's place and wants a token before it goes on: what HOLD_SLOTS cannot live with. */
proctype neighbour()
{
	if
	:: atomic { place > 0 -> place-- };
		if
		:: TOKENS > 0 -> atomic { pipe > 0 -> pipe-- }; pipe++
		:: TOKENS == 0 -> !implicit[0] /* its parent's own slot, for a moment */
		fi;
		place++
	:: true -> skip
	fi;
	done++
}

init {
	atomic { run axmake(0); run axmake(1); run beside(0); run neighbour() };
	done == 4;
	assert(pipe == TOKENS && place == 1 && !implicit[0] && !implicit[1])
}
