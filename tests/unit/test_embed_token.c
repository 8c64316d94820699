/* The first key of a workspace: whoever signs in the same moment, in whichever process, signs with
 * the same one. */
#include "serve/embed_token.h"

#include <pthread.h>
#include <stdio.h>

#include "tempdir.h"
#include "test.h"

#define SIGNERS 8
#define ROUNDS  20

struct signer {
    struct weir_embed_key own, *key;
    pthread_barrier_t *start;
    struct weir_arena arena;
    struct weir_str token;
    struct weir_error err;
    int rc;
};

static void *sign(void *arg)
{
    struct signer *s = arg;
    struct weir_embed embed = {.report = WEIR_STR("r"),
                               .person = WEIR_STR("ada@example.com"),
                               .values = weir_data_new(&s->arena, WEIR_DATA_OBJECT),
                               .expires_at = (weir_now() / WEIR_DAY + 2) * WEIR_DAY};
    pthread_barrier_wait(s->start);
    s->rc = weir_embed_sign(s->key, &embed, &s->arena, &s->token, &s->err);
    return NULL;
}

static void the_first_key_is_made_once(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_error err;
    struct weir_workspace *workspace;
    ASSERT_OK(weir_workspace_init(dir.path, &err), err);
    ASSERT_OK(weir_workspace_open(dir.path, &workspace, &err), err);
    for (int round = 0; round < ROUNDS; round++) {
        static struct signer signers[SIGNERS];
        pthread_t threads[SIGNERS];
        pthread_barrier_t start;
        struct weir_embed said;
        (void)unlink(tempdir_path(&dir, ".weir/secrets/embed_key", path));
        assert_int_equal(pthread_barrier_init(&start, NULL, SIGNERS), 0);
        for (int i = 0; i < SIGNERS; i++) { /* two of each key, as two threads of four processes */
            struct signer *s = &signers[i];
            *s = (struct signer){.start = &start};
            weir_arena_init(&s->arena, 1u << 20);
            if (i % 2 == 0) {
                ASSERT_OK(weir_embed_key_init(&s->own, workspace, &err), err);
            }
            s->key = i % 2 ? &signers[i - 1].own : &s->own;
            assert_int_equal(pthread_create(&threads[i], NULL, sign, s), 0);
        }
        for (int i = 0; i < SIGNERS; i++) {
            pthread_join(threads[i], NULL);
            ASSERT_OK(signers[i].rc, signers[i].err);
        }
        for (int i = 0; i < SIGNERS; i++) {
            struct signer *s = &signers[i];
            ASSERT_OK(
                weir_embed_open(&signers[0].own, s->token, weir_now(), &s->arena, &said, &err),
                err);
            assert_true(weir_str_is(said.person, "ada@example.com"));
        }
        for (int i = 0; i < SIGNERS; i++) {
            weir_arena_free(&signers[i].arena);
            if (i % 2 == 0) {
                weir_embed_key_free(&signers[i].own);
            }
        }
        pthread_barrier_destroy(&start);
    }
    weir_workspace_close(workspace);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_key_is_made_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
