/* Where an option was said, the weakest first. */
#ifndef AXMAKE_FLAG_ORIGIN_H
#define AXMAKE_FLAG_ORIGIN_H

enum flag_origin { FROM_DEFAULT, FROM_MAKEFLAGS, FROM_SETTINGS, FROM_AXMAKEFLAGS, FROM_COMMAND };

#endif
