/* What libyaml could not read, said so that its writer knows what to do. Private to yaml. */
#ifndef AXMAKE_LOAD_YAML_FAULT_H
#define AXMAKE_LOAD_YAML_FAULT_H

#include <yaml.h>

#include "base/diag.h"
#include "base/str.h"

/* Reports the error in which `parser` ended. */
void yaml_fault_report(struct diag *d, uint32_t source, struct str text, const yaml_parser_t *parser);

#endif
