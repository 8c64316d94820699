/* What the demo's workspace begins with: three worked reports and a view. They are written once and
 * are the owner's from then on. */
#ifndef WEIR_DEMO_FILES_H
#define WEIR_DEMO_FILES_H

#include "workspace/workspace.h"

extern const struct weir_workspace_text weir_demo_files[];

#endif
