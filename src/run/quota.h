/* Until when a provider is out of quota, from what its program says. */
#ifndef AXMAKE_RUN_QUOTA_H
#define AXMAKE_RUN_QUOTA_H

#include <stdint.h>

#include "base/str.h"

/* `said`: "3pm", "15:04" (today or tomorrow, local time), "in 3 hours", "1h 30m", "3600" (seconds), seconds or milliseconds since 1970, an ISO time; anything else: an hour.
 * At most 31 days. Both are wall-clock nanoseconds; the result lies behind now. */
int64_t quota_until(struct str said, int64_t now_wall_ns);

#endif
