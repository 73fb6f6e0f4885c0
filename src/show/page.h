/* The page of an HTML report. Its sources are in show/page/; page/embed.sh makes them a part of the program. */
#ifndef AXMAKE_SHOW_PAGE_H
#define AXMAKE_SHOW_PAGE_H

#include "base/str.h"

/* Between the parts goes data alone, as JSON in which nothing can end its element. */
struct page {
	struct str before_run;   /* what a browser may do with it, its looks, and all that stands still */
	struct str before_texts; /* its program, which shows the run before the tasks' texts are read */
	struct str end;
};
extern const struct page report_page;

#endif
