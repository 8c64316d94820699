/* The kinds of sources that weir reads from: the one list of them. Each is a folder of src/source
 * with a connector of the same name (`weir_source_NAME`, connector.h). */
#ifndef WEIR_WORKSPACE_KINDS_H
#define WEIR_WORKSPACE_KINDS_H

#define WEIR_SOURCE_KINDS(EACH) EACH(file) EACH(postgres) EACH(mysql) EACH(singer) EACH(airbyte)

#endif
