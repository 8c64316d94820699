#include <stdlib.h>

#include "demo/gen.h"

/* Doubles an array when it is full. Growth is counted, so that the totals can say what is held. */
static bool grow(struct weir_demo *demo, void **items, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return true;
    }
    size_t more = *cap ? *cap * 2 : 64;
    void *bigger = realloc(*items, more * size);
    if (!bigger) {
        demo->failed = true;
        return false;
    }
    demo->totals.memory += (more - *cap) * size;
    *items = bigger;
    *cap = more;
    return true;
}

void weir_demo_queue_put(struct weir_demo *demo, int64_t at, enum demo_kind kind, uint32_t ref,
                         unsigned action)
{
    if (!grow(demo, (void **)&demo->queue, &demo->queue_cap, demo->queued + 1,
              sizeof *demo->queue)) {
        return;
    }
    size_t i = demo->queued++;
    while (i > 0 && demo->queue[(i - 1) / 4].at > at) {
        demo->queue[i] = demo->queue[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    demo->queue[i] = (struct demo_todo){at, ref, (uint8_t)kind, (uint8_t)action};
}

bool weir_demo_queue_take(struct weir_demo *demo, struct demo_todo *out)
{
    if (demo->queued == 0) {
        return false;
    }
    *out = demo->queue[0];
    struct demo_todo last = demo->queue[--demo->queued];
    size_t n = demo->queued;
    size_t i = 0;
    for (;;) {
        size_t child = 4 * i + 1;
        if (child >= n) {
            break;
        }
        size_t end = child + 4 < n ? child + 4 : n;
        size_t least = child;
        for (size_t c = child + 1; c < end; c++) {
            if (demo->queue[c].at < demo->queue[least].at) {
                least = c;
            }
        }
        if (demo->queue[least].at >= last.at) {
            break;
        }
        demo->queue[i] = demo->queue[least];
        i = least;
    }
    demo->queue[i] = last;
    return true;
}

uint32_t weir_demo_visit_new(struct weir_demo *demo)
{
    uint32_t ref;
    if (demo->idle_count) {
        ref = demo->idle_visits[--demo->idle_count];
    } else {
        size_t cap = demo->visit_cap;
        if (!grow(demo, (void **)&demo->visits, &cap, demo->visit_count + 1,
                  sizeof *demo->visits) ||
            !grow(demo, (void **)&demo->idle_visits, &demo->visit_cap, demo->visit_count + 1,
                  sizeof *demo->idle_visits)) {
            return DEMO_NOBODY;
        }
        ref = (uint32_t)demo->visit_count++;
    }
    demo->visits[ref] = (struct demo_visit){.person = DEMO_NOBODY, .live = DEMO_NOBODY};
    size_t open = demo->visit_count - demo->idle_count;
    if (open > demo->totals.peak_sessions) {
        demo->totals.peak_sessions = open;
    }
    return ref;
}

void weir_demo_visit_end(struct weir_demo *demo, uint32_t ref)
{
    struct demo_context *context = demo->visits[ref].context;
    if (context) {
        context->next = demo->contexts;
        demo->contexts = context;
    }
    demo->visits[ref].count = 0;
    demo->idle_visits[demo->idle_count++] = ref;
}

struct demo_context *weir_demo_context_new(struct weir_demo *demo)
{
    struct demo_context *context = demo->contexts;
    if (context) {
        demo->contexts = context->next;
        return context;
    }
    context = malloc(sizeof *context);
    demo->failed |= !context;
    demo->totals.memory += sizeof *context;
    return context;
}

uint32_t weir_demo_person_new(struct weir_demo *demo)
{
    if (!grow(demo, (void **)&demo->people, &demo->people_cap, demo->people_count + 1,
              sizeof *demo->people)) {
        return DEMO_NOBODY;
    }
    demo->people[demo->people_count] = (struct demo_person){.second = DEMO_DEVICES};
    return (uint32_t)demo->people_count++;
}

void weir_demo_list_add(struct weir_demo *demo, unsigned list, uint32_t person)
{
    struct demo_list *l = &demo->lists[list];
    if (grow(demo, (void **)&l->items, &l->cap, l->count + 1, sizeof *l->items)) {
        demo->people[person].listed = (uint32_t)l->count;
        l->items[l->count++] = person;
    }
}

void weir_demo_list_remove(struct weir_demo *demo, unsigned list, uint32_t person)
{
    struct demo_list *l = &demo->lists[list];
    uint32_t at = demo->people[person].listed;
    uint32_t last = l->items[--l->count];
    l->items[at] = last;
    demo->people[last].listed = at;
}

/* The line that is in the buffer is sent again at `at`. */
void weir_demo_copy_later(struct weir_demo *demo, int64_t at)
{
    struct demo_copy *copy = demo->idle_copies;
    if (copy) {
        demo->idle_copies = copy->free;
    } else {
        copy = malloc(sizeof *copy);
        demo->totals.memory += sizeof *copy;
    }
    if (!copy || demo->line.len > sizeof copy->data) {
        demo->failed = true;
        free(copy);
        return;
    }
    if (!grow(demo, (void **)&demo->copies, &demo->copy_cap, demo->copy_count + 1,
              sizeof *demo->copies)) {
        free(copy);
        return;
    }
    copy->source = demo->source;
    copy->len = demo->line.len;
    memcpy(copy->data, demo->line.data, copy->len);
    size_t slot = 0;
    while (slot < demo->copy_count && demo->copies[slot]) {
        slot++;
    }
    demo->copies[slot] = copy;
    demo->copy_count += slot == demo->copy_count;
    weir_demo_queue_put(demo, at, DEMO_DO_AGAIN, (uint32_t)slot, 0);
}

void weir_demo_copy_take(struct weir_demo *demo, uint32_t ref)
{
    struct demo_copy *copy = demo->copies[ref];
    demo->copies[ref] = NULL;
    demo->source = copy->source;
    demo->line.len = copy->len;
    memcpy(demo->line.data, copy->data, copy->len);
    copy->free = demo->idle_copies;
    demo->idle_copies = copy;
    demo->totals.duplicates++;
}
