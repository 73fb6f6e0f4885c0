/* Which start of the machine this is. What was written before another one may not have reached the disk as it was written. */
#ifndef AXMAKE_BASE_BOOT_H
#define AXMAKE_BASE_BOOT_H

#include "base/hash.h"

/* All zeros where the system does not say: that is one boot like any other. */
struct hash128 boot_id(void);

#endif
