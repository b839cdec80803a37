/* SPDX-License-Identifier: Apache-2.0 */
/* Options: named values that creators and operations read, and the schemas that say which names they know.
 *
 * Required values are positional parameters; everything else travels in a kdst_options object. NULL always means
 * "all defaults". The function that reads the options checks them against its schema: an unknown name, a wrong type or
 * a value out of range is an error there, with a suggestion for a name that is nearly right.
 */
#ifndef KDST_OPTIONS_H
#define KDST_OPTIONS_H

#include <kdst/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A set of named option values. */
typedef struct kdst_options kdst_options;

/** Type of an option in a schema. */
typedef int32_t kdst_option_type;

enum {
    KDST_OPTION_INT = 1,    /**< kdst_options_set_int; switches are 0 or 1 */
    KDST_OPTION_FLOAT = 2,  /**< kdst_options_set_float, or set_int */
    KDST_OPTION_CHOICE = 3, /**< kdst_options_set_string, one of a list */
    KDST_OPTION_STRING = 4, /**< kdst_options_set_string, any text */
    KDST_OPTION_INTS = 5,   /**< kdst_options_set_ints, or set_int for every element */
    KDST_OPTION_FLOATS = 6  /**< kdst_options_set_floats, or set_float for every element */
};

/** Makes an empty set of options.
 *
 *  @param[out] out  new; released with kdst_options_release
 *  @status INVALID_ARGUMENT (out is NULL), OUT_OF_MEMORY
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_options_create(kdst_options **out);

/** Adds a reference.
 *
 *  @param options  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_options_retain(kdst_options *options);

/** Drops a reference; the last one frees.
 *
 *  @param options  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_options_release(kdst_options *options);

/** Sets a whole number, replacing an earlier value of that name.
 *
 *  @param options  the set
 *  @param name     copied; at most 63 bytes
 *  @param value    any; its bounds are checked where the options are used
 *  @status INVALID_ARGUMENT (NULL, name empty or too long), OUT_OF_MEMORY
 *  @thread object   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_options_set_int(kdst_options *options, const char *name, int64_t value);

/** Sets a number, replacing an earlier value of that name.
 *
 *  @param options  the set
 *  @param name     copied; at most 63 bytes
 *  @param value    any; its bounds are checked where the options are used
 *  @status INVALID_ARGUMENT (NULL, name empty or too long), OUT_OF_MEMORY
 *  @thread object   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_options_set_float(kdst_options *options, const char *name, double value);

/** Sets a text or a choice, replacing an earlier value of that name.
 *
 *  @param options  the set
 *  @param name     copied; at most 63 bytes
 *  @param value    copied, UTF-8
 *  @status INVALID_ARGUMENT (NULL, name empty or too long), OUT_OF_MEMORY
 *  @thread object   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_options_set_string(kdst_options *options, const char *name, const char *value);

/** Sets a list of whole numbers, replacing an earlier value of that name.
 *
 *  @param options  the set
 *  @param name     copied; at most 63 bytes
 *  @param values   [count], copied
 *  @param count    0 to 4096
 *  @status INVALID_ARGUMENT (NULL, name empty or too long, count out of range), OUT_OF_MEMORY
 *  @thread object   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_options_set_ints(
    kdst_options *options, const char *name, const int64_t *values, int64_t count);

/** Sets a list of numbers, replacing an earlier value of that name.
 *
 *  @param options  the set
 *  @param name     copied; at most 63 bytes
 *  @param values   [count], copied
 *  @param count    0 to 4096
 *  @status INVALID_ARGUMENT (NULL, name empty or too long, count out of range), OUT_OF_MEMORY
 *  @thread object   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_options_set_floats(
    kdst_options *options, const char *name, const double *values, int64_t count);

/** Why the last call on these options failed, kdst_context_create included (there is no context to ask then).
 *
 *  @param options  nullable
 *  @return         borrowed until the next call on these options; "" when nothing failed
 *  @thread object   @since 0.1 */
KDST_API const char *kdst_options_message(const kdst_options *options);

/** Number of schemas.
 *
 *  @return  how many names kdst_schema_get_name knows
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_schema_count(void);

/** Name of a schema, such as "loss.kd".
 *
 *  @param index  from 0
 *  @return       static text, NULL past the end
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_schema_get_name(int64_t index);

/** One option of a schema.
 *
 *  @param      schema       name of the schema
 *  @param      index        from 0
 *  @param[out] out_name     nullable; static text
 *  @param[out] out_type     nullable; a kdst_option_type
 *  @param[out] out_default  nullable; the default as text, static
 *  @param[out] out_min      nullable; lower bound (-inf where there is none)
 *  @param[out] out_max      nullable; upper bound (+inf where there is none)
 *  @param[out] out_choices  nullable; "a|b|c" for a choice, "" otherwise, static
 *  @param[out] out_help     nullable; one sentence, static
 *  @status INVALID_ARGUMENT (schema is NULL), NOT_FOUND (no such schema, or index past its last option)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schema_get(
    const char *schema, int64_t index, const char **out_name, kdst_option_type *out_type, const char **out_default,
    double *out_min, double *out_max, const char **out_choices, const char **out_help);

/** What kdst_schema_get leaves out about the values of an option: open bounds and the length of lists.
 *
 *  @param      schema           name of the schema
 *  @param      index            from 0
 *  @param[out] out_min_allowed  nullable; 1 when the lower bound is itself allowed, 0 when values lie above it
 *  @param[out] out_max_allowed  nullable; 1 when the upper bound is itself allowed, 0 when values lie below it
 *  @param[out] out_count        nullable; of a list: n for n elements (one value stands for all of them), -n for 0 to n;
 *                               1 for every other type
 *  @status INVALID_ARGUMENT (schema is NULL), NOT_FOUND (no such schema, or index past its last option)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schema_get_limits(
    const char *schema, int64_t index, int32_t *out_min_allowed, int32_t *out_max_allowed, int64_t *out_count);

/** One default that a preset replaces; options that no preset names keep theirs.
 *
 *  @param      schema      name of the schema
 *  @param      index       from 0, over all presets of the schema
 *  @param[out] out_preset  nullable; value of the option "preset", static text
 *  @param[out] out_option  nullable; name of the option whose default it replaces, static text
 *  @param[out] out_value   nullable; that default as text, static
 *  @status INVALID_ARGUMENT (schema is NULL), NOT_FOUND (no such schema, or index past its last one)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schema_get_preset(
    const char *schema, int64_t index, const char **out_preset, const char **out_option, const char **out_value);

#ifdef __cplusplus
}
#endif

#endif
