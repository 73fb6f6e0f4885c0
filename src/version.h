#ifndef AXMAKE_VERSION
#define AXMAKE_VERSION "0.1.0"
#endif
