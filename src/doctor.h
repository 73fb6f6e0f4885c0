/* --doctor: which providers are installed and usable, and which agents have none. */
#ifndef AXMAKE_DOCTOR_H
#define AXMAKE_DOCTOR_H

#include "program.h"

/* Also where there is no workflow. Looks, asks each program for its version, and writes nothing. The exit status: 0 when a provider
 * is usable that need not be asked for by name. */
int doctor(struct program *g);

#endif
