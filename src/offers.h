/* What may follow on a command line, as completion scripts of shells ask for it. */
#ifndef AXMAKE_OFFERS_H
#define AXMAKE_OFFERS_H

#include <stdbool.h>

#include "program.h"

/* Files and folders are found by the shell itself. */
enum offer_paths { OFFER_NO_PATHS, OFFER_FILES, OFFER_FOLDERS };

/* The answer: a line that says which paths fit as well (`-`, `files`, `folders`), then a line for each word that does: the whole word, tab, what it means. */
struct offers {
	struct program *g;
	struct str word;  /* as far as it was typed */
	struct str fixed; /* its beginning, which each word gets: "--provider=" */
	enum offer_paths paths;
	struct sbuf lines;
};

/* Adds fixed and name, if that is what was begun. */
void offer(struct offers *o, struct str name, struct str meaning);
/* These add what is named in the files that g->options name; nothing at all where one has mistakes. */
void offer_tasks(struct offers *o);
void offer_vars(struct offers *o); /* NAME= */
void offer_agents(struct offers *o);
void offer_providers(struct offers *o);
void offer_runs(struct offers *o);
/* By what help calls a value: "FILE", "DIR", "TASK", "PROVIDER", …, or "this|that". false: a name that says nothing of what it may be. */
bool offer_values(struct offers *o, struct str called);
/* Prints the answer and frees it. */
void offers_print(struct offers *o);

#endif
