/* SPDX-License-Identifier: Apache-2.0 */
/* conformance [--only KIND,...] DIR...: runs the cases of each directory and compares them with what is expected.
 *
 * A line for each case that failed, then "N passed, N failed"; the exit status is 1 when any failed and 2 when the
 * command line is wrong. A background case has a KIND; that of a distillation case is its family (or virtual_teacher, training), that of a
 * model its name.
 */
#include "golden.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(run *r, verdict *v, const cJSON *manifest);
} systems[] = {
    {"background", run_background},
    {"distillation", run_distillation},
    {"models", run_models},
    {"tsslbp", run_tsslbp},
};

static void run_directory(run *r, const char *directory)
{
    verdict v;
    verdict_start(&v);
    r->directory = directory;
    r->system = directory;
    r->cases = 0;
    cJSON *manifest = manifest_read(&v, directory);
    const cJSON *system = cJSON_GetObjectItemCaseSensitive(manifest, "system");
    if (manifest && !cJSON_IsString(system)) problem(&v, "the manifest names no system");
    for (size_t i = 0; sound(&v) && i < sizeof systems / sizeof *systems; i++) {
        if (strcmp(system->valuestring, systems[i].name)) continue;
        r->system = systems[i].name;
        systems[i].run(r, &v, manifest);
        if (!r->cases) problem(&v, "the manifest has no case");
    }
    if (sound(&v) && !r->cases) problem(&v, "system \"%.64s\" is unknown", system->valuestring);
    if (!sound(&v)) verdict_end(r, &v, "manifest.json");
    cJSON_Delete(manifest);
}

static void split_kinds(run *r, char *list)
{
    for (char *kind = strtok(list, ","); kind; kind = strtok(NULL, ",")) {
        r->only = realloc(r->only, sizeof *r->only * (size_t)(r->only_count + 1));
        r->only_met = realloc(r->only_met, sizeof *r->only_met * (size_t)(r->only_count + 1));
        if (!r->only || !r->only_met) exit(EXIT_FAILURE);
        r->only_met[r->only_count] = false;
        r->only[r->only_count++] = kind;
    }
}

static int usage(const char *why)
{
    fprintf(stderr, "%s%susage: conformance [--only KIND,...] DIR...\n", why, *why ? "\n" : "");
    return 2;
}

/* KDST_TEST_LEVEL is how the test setups ask for an instruction-set level. */
static kdst_context *make_context(void)
{
    const char *level = getenv("KDST_TEST_LEVEL");
    kdst_options *options = NULL;
    kdst_context *ctx = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_int(options, "exact_convolution", 1);
    if (!status && level) status = kdst_options_set_string(options, "level", level);
    if (!status) status = kdst_context_create(options, &ctx);
    if (status) fprintf(stderr, "conformance: %s\n", kdst_options_message(options));
    kdst_options_release(options);
    return ctx;
}

/* Reads the options; 0, or 2 for a wrong command line. */
static int read_options(run *r, int argc, char **argv)
{
    static const struct option known[] = {{"only", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c != 'o') return usage("");
        int before = r->only_count;
        split_kinds(r, optarg);
        if (r->only_count == before) return usage("--only names no kind");
    }
    return optind == argc ? usage("no directory is given") : 0;
}

static void run_all(run *r, int count, char **directories)
{
    for (int i = 0; i < count; i++)
        run_directory(r, directories[i]);
    for (int i = 0; i < r->only_count; i++) {
        if (r->only_met[i]) continue;
        printf("FAIL --only %s: there is no case of this kind\n", r->only[i]);
        r->failed++;
    }
    if (kdst_context_live_count(r->ctx)) {
        printf("FAIL conformance: %lld handles are left\n", (long long)kdst_context_live_count(r->ctx));
        r->failed++;
    }
    printf("%lld passed, %lld failed\n", (long long)r->passed, (long long)r->failed);
}

int main(int argc, char **argv)
{
    run r = {0};
    int status = read_options(&r, argc, argv);
    if (!status) {
        status = EXIT_FAILURE;
        r.ctx = make_context();
    }
    if (r.ctx) {
        run_all(&r, argc - optind, argv + optind);
        status = r.failed ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    kdst_context_release(r.ctx);
    free(r.only);
    free(r.only_met);
    return status;
}
