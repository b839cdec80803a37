/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations of libkdst for ffi.cdef, generated from its headers: no macro, no directive. */

/* status.h */
typedef int32_t kdst_status;
enum {
    KDST_STATUS_OK = 0,
    KDST_STATUS_INVALID_ARGUMENT = 1,
    KDST_STATUS_SHAPE = 2,
    KDST_STATUS_DTYPE = 3,
    KDST_STATUS_OUT_OF_MEMORY = 4,
    KDST_STATUS_IO = 5,
    KDST_STATUS_FORMAT = 6,
    KDST_STATUS_NOT_FOUND = 7,
    KDST_STATUS_UNSUPPORTED = 8,
    KDST_STATUS_STATE = 9,
    KDST_STATUS_CANCELLED = 10,
    KDST_STATUS_CALLBACK = 11,
    KDST_STATUS_INTERNAL = 12
};
const char *kdst_status_name(kdst_status status);

/* options.h */
typedef struct kdst_options kdst_options;
typedef int32_t kdst_option_type;
enum {
    KDST_OPTION_INT = 1,
    KDST_OPTION_FLOAT = 2,
    KDST_OPTION_CHOICE = 3,
    KDST_OPTION_STRING = 4,
    KDST_OPTION_INTS = 5,
    KDST_OPTION_FLOATS = 6
};
kdst_status kdst_options_create(kdst_options **out);
void kdst_options_retain(kdst_options *options);
void kdst_options_release(kdst_options *options);
kdst_status kdst_options_set_int(kdst_options *options, const char *name, int64_t value);
kdst_status kdst_options_set_float(kdst_options *options, const char *name, double value);
kdst_status kdst_options_set_string(kdst_options *options, const char *name, const char *value);
kdst_status kdst_options_set_ints(kdst_options *options, const char *name, const int64_t *values, int64_t count);
kdst_status kdst_options_set_floats(kdst_options *options, const char *name, const double *values, int64_t count);
const char *kdst_options_message(const kdst_options *options);
int64_t kdst_schema_count(void);
const char *kdst_schema_get_name(int64_t index);
kdst_status kdst_schema_get(const char *schema, int64_t index, const char **out_name, kdst_option_type *out_type, const char **out_default, double *out_min, double *out_max, const char **out_choices, const char **out_help);
kdst_status kdst_schema_get_limits(const char *schema, int64_t index, int32_t *out_min_allowed, int32_t *out_max_allowed, int64_t *out_count);
kdst_status kdst_schema_get_preset(const char *schema, int64_t index, const char **out_preset, const char **out_option, const char **out_value);

/* context.h */
typedef struct kdst_context kdst_context;
typedef int32_t kdst_severity;
enum {
    KDST_SEVERITY_DEBUG = 1,
    KDST_SEVERITY_INFO = 2,
    KDST_SEVERITY_WARNING = 3
};
typedef void *(*kdst_allocate_fn)(void *user_data, uint64_t size, uint64_t alignment);
typedef void (*kdst_deallocate_fn)(void *user_data, void *pointer, uint64_t size, uint64_t alignment);
typedef void (*kdst_destroy_fn)(void *user_data);
typedef kdst_status (*kdst_log_fn)(void *user_data, kdst_severity severity, const char *message);
kdst_status kdst_context_create(kdst_options *options, kdst_context **out);
kdst_status kdst_context_create_with_allocator(kdst_options *options, kdst_allocate_fn allocate, kdst_deallocate_fn deallocate, void *user_data, kdst_destroy_fn destroy, kdst_context **out);
void kdst_context_retain(kdst_context *ctx);
void kdst_context_release(kdst_context *ctx);
const char *kdst_context_message(const kdst_context *ctx);
kdst_status kdst_context_set_message(kdst_context *ctx, const char *message);
int64_t kdst_context_live_count(const kdst_context *ctx);
const char *kdst_context_get_info(const kdst_context *ctx, const char *key);
kdst_status kdst_context_get_memory(kdst_context *ctx, int64_t *out_now, int64_t *out_peak);
kdst_status kdst_context_set_seed(kdst_context *ctx, uint64_t seed);
kdst_status kdst_context_set_random(kdst_context *ctx, uint64_t seed, uint64_t stream);
kdst_status kdst_context_get_random(const kdst_context *ctx, uint64_t *out_seed, uint64_t *out_stream);
void kdst_context_cancel(kdst_context *ctx);
kdst_status kdst_context_set_log(kdst_context *ctx, kdst_log_fn log, void *user_data, kdst_destroy_fn destroy);
kdst_status kdst_context_get_log(kdst_context *ctx, kdst_severity *out_severity, const char **out_message);

/* tensor.h */
typedef struct kdst_tensor kdst_tensor;
typedef int32_t kdst_dtype;
enum {
    KDST_DTYPE_FLOAT32 = 1,
    KDST_DTYPE_FLOAT64 = 2,
    KDST_DTYPE_INT32 = 3,
    KDST_DTYPE_UINT8 = 4,
    KDST_DTYPE_BOOL = 5
};
typedef int32_t kdst_map_mode;
enum {
    KDST_MAP_READ = 1,
    KDST_MAP_WRITE = 2,
    KDST_MAP_READ_WRITE = 3
};
int64_t kdst_dtype_get_size(kdst_dtype dtype);
const char *kdst_dtype_get_name(kdst_dtype dtype);
kdst_status kdst_tensor_create(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out);
kdst_status kdst_tensor_create_from(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const void *data, kdst_tensor **out);
kdst_status kdst_tensor_create_foreign(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const int64_t *strides, void *data, void *user_data, kdst_destroy_fn destroy, kdst_tensor **out);
void kdst_tensor_retain(kdst_tensor *tensor);
void kdst_tensor_release(kdst_tensor *tensor);
kdst_context *kdst_tensor_get_context(const kdst_tensor *tensor);
kdst_dtype kdst_tensor_get_dtype(const kdst_tensor *tensor);
int64_t kdst_tensor_get_rank(const kdst_tensor *tensor);
int64_t kdst_tensor_get_size(const kdst_tensor *tensor, int64_t axis);
int64_t kdst_tensor_get_stride(const kdst_tensor *tensor, int64_t axis);
int64_t kdst_tensor_get_count(const kdst_tensor *tensor);
kdst_status kdst_tensor_map(kdst_tensor *tensor, kdst_map_mode mode, void **out);
kdst_status kdst_tensor_unmap(kdst_tensor *tensor);
kdst_status kdst_tensor_get_data(kdst_tensor *tensor, void *out, int64_t bytes);
kdst_status kdst_tensor_set_data(kdst_tensor *tensor, const void *data, int64_t bytes);
kdst_status kdst_tensor_get_value(kdst_tensor *tensor, double *out);
kdst_status kdst_tensor_set_value(kdst_tensor *tensor, double value);
kdst_status kdst_tensor_set(kdst_tensor *tensor, kdst_tensor *source);
kdst_status kdst_tensor_copy(kdst_tensor *tensor, kdst_dtype dtype, kdst_tensor **out);
kdst_status kdst_tensor_set_uniform(kdst_tensor *tensor, double low, double high);
kdst_status kdst_tensor_set_normal(kdst_tensor *tensor, double mean, double deviation);
kdst_status kdst_tensor_get_dlpack(kdst_tensor *tensor, void **out);
kdst_status kdst_tensor_create_dlpack(kdst_context *ctx, void *managed, kdst_tensor **out);

/* autograd.h */
kdst_status kdst_tensor_set_requires_grad(kdst_tensor *tensor, int32_t required);
int32_t kdst_tensor_get_requires_grad(const kdst_tensor *tensor);
kdst_status kdst_tensor_get_grad(kdst_tensor *tensor, kdst_tensor **out);
kdst_status kdst_tensor_clear_grad(kdst_tensor *tensor);
kdst_status kdst_backward(kdst_tensor *y, kdst_tensor *dy, const kdst_options *options);
kdst_status kdst_no_grad_begin(kdst_context *ctx);
kdst_status kdst_no_grad_end(kdst_context *ctx);
kdst_status kdst_detach(kdst_tensor *x, kdst_tensor **out);
typedef struct kdst_operation kdst_operation;
typedef kdst_status (*kdst_forward_fn)( void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
typedef kdst_status (*kdst_backward_fn)( void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy, kdst_tensor *const *d_inputs);
kdst_status kdst_operation_create(kdst_context *ctx, const char *name, kdst_forward_fn forward, kdst_backward_fn backward, void *user_data, kdst_destroy_fn destroy, kdst_operation **out);
void kdst_operation_retain(kdst_operation *operation);
void kdst_operation_release(kdst_operation *operation);
kdst_status kdst_operation_run(kdst_operation *operation, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
typedef kdst_status (*kdst_function_fn)( void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
kdst_status kdst_gradient_check(kdst_function_fn function, void *user_data, kdst_tensor *const *inputs, int64_t count, const kdst_options *options, double *out_worst);

/* dataset.h */
typedef struct kdst_dataset kdst_dataset;
kdst_status kdst_dataset_create(kdst_context *ctx, kdst_tensor *images, kdst_tensor *labels, int64_t classes, kdst_dataset **out);
kdst_status kdst_dataset_load_idx(kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out);
kdst_status kdst_dataset_load_cifar(kdst_context *ctx, const char *const *paths, int64_t count, const kdst_options *options, kdst_dataset **out);
kdst_status kdst_dataset_load_npy(kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out);
kdst_status kdst_dataset_create_split(kdst_dataset *dataset, int64_t count, uint64_t seed, kdst_dataset **out_first, kdst_dataset **out_second);
void kdst_dataset_retain(kdst_dataset *dataset);
void kdst_dataset_release(kdst_dataset *dataset);
int64_t kdst_dataset_get_count(const kdst_dataset *dataset);
int64_t kdst_dataset_get_classes(const kdst_dataset *dataset);
kdst_status kdst_dataset_get_shape(kdst_dataset *dataset, int64_t *out);
kdst_status kdst_dataset_get_images(kdst_dataset *dataset, kdst_tensor **out);
kdst_status kdst_dataset_get_labels(kdst_dataset *dataset, kdst_tensor **out);
kdst_status kdst_dataset_get_statistics(kdst_dataset *dataset, double *out_mean, double *out_deviation, int64_t channels);

/* loss.h */
typedef struct kdst_loss kdst_loss;
kdst_status kdst_loss_cross_entropy_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
void kdst_loss_retain(kdst_loss *loss);
void kdst_loss_release(kdst_loss *loss);
const char *kdst_loss_get_name(const kdst_loss *loss);
int32_t kdst_loss_needs_teacher(const kdst_loss *loss);
kdst_status kdst_loss_run(kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, kdst_tensor **out);
kdst_status kdst_loss_compute(kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, double *out_value, kdst_tensor *out_grad);

/* distillation.h */
kdst_status kdst_loss_kd_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_lsr_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_tfkd_self_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_tfkd_reg_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_virtual_teacher_create(kdst_context *ctx, kdst_tensor *labels, int64_t classes, const kdst_options *options, kdst_tensor **out);

/* init.h */
kdst_status kdst_tensor_init(kdst_tensor *tensor, const char *kind, const kdst_options *options);

/* layer.h */
typedef struct kdst_layer kdst_layer;
void kdst_layer_retain(kdst_layer *layer);
void kdst_layer_release(kdst_layer *layer);
kdst_status kdst_layer_run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_layer_set_training(kdst_layer *layer, int32_t training);
int32_t kdst_layer_get_training(const kdst_layer *layer);
kdst_status kdst_layer_set_trainable(kdst_layer *layer, int32_t trainable);
kdst_status kdst_layer_clear_grads(kdst_layer *layer);
int64_t kdst_layer_get_parameter_count(const kdst_layer *layer);
int64_t kdst_layer_get_state_count(const kdst_layer *layer);
kdst_status kdst_layer_get_state(kdst_layer *layer, int64_t index, const char **out_name, kdst_tensor **out_tensor, int32_t *out_is_parameter);
kdst_status kdst_layer_find(kdst_layer *layer, const char *name, kdst_tensor **out);
kdst_status kdst_layer_copy_state(kdst_layer *destination, kdst_layer *source);

/* layers.h */
kdst_status kdst_layer_linear_create(kdst_context *ctx, int64_t in_features, int64_t out_features, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_conv2d_create(kdst_context *ctx, int64_t in_channels, int64_t out_channels, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_batch_norm_create(kdst_context *ctx, int64_t channels, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_max_pool2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_avg_pool2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_global_avg_pool2d_create(kdst_context *ctx, kdst_layer **out);
kdst_status kdst_layer_dropout_create(kdst_context *ctx, double rate, kdst_layer **out);
kdst_status kdst_layer_activation_create(kdst_context *ctx, const char *kind, kdst_layer **out);
kdst_status kdst_layer_flatten_create(kdst_context *ctx, kdst_layer **out);
kdst_status kdst_layer_shortcut_create(kdst_context *ctx, int64_t in_channels, int64_t out_channels, int64_t stride, kdst_layer **out);
kdst_status kdst_layer_sequential_create(kdst_context *ctx, kdst_layer **out);
kdst_status kdst_layer_residual_create(kdst_context *ctx, kdst_layer *body, kdst_layer *shortcut, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_add(kdst_layer *container, const char *name, kdst_layer *child);

/* loader.h */
typedef struct kdst_loader kdst_loader;
kdst_status kdst_loader_create(kdst_dataset *dataset, int64_t batch, const kdst_options *options, kdst_loader **out);
void kdst_loader_retain(kdst_loader *loader);
void kdst_loader_release(kdst_loader *loader);
kdst_status kdst_loader_next(kdst_loader *loader, kdst_tensor **out_images, kdst_tensor **out_labels);
kdst_status kdst_loader_set_epoch(kdst_loader *loader, int64_t epoch);
kdst_status kdst_loader_set_position(kdst_loader *loader, int64_t batch);
int64_t kdst_loader_get_epoch(const kdst_loader *loader);
int64_t kdst_loader_get_position(const kdst_loader *loader);
int64_t kdst_loader_get_batches(const kdst_loader *loader);
kdst_dataset *kdst_loader_get_dataset(const kdst_loader *loader);

/* metrics.h */
typedef struct kdst_metrics kdst_metrics;
kdst_status kdst_metrics_create(kdst_context *ctx, int64_t classes, const kdst_options *options, kdst_metrics **out);
void kdst_metrics_retain(kdst_metrics *metrics);
void kdst_metrics_release(kdst_metrics *metrics);
kdst_status kdst_metrics_reset(kdst_metrics *metrics);
kdst_status kdst_metrics_add(kdst_metrics *metrics, kdst_tensor *logits, kdst_tensor *labels);
kdst_status kdst_metrics_add_loader(kdst_metrics *metrics, kdst_layer *model, kdst_loader *loader);
kdst_status kdst_metrics_get(kdst_metrics *metrics, const char *key, double *out);
kdst_status kdst_metrics_get_confusion(kdst_metrics *metrics, kdst_tensor **out);
kdst_status kdst_metrics_get_reliability(kdst_metrics *metrics, kdst_tensor **out);

/* model.h */
kdst_status kdst_model_create(kdst_context *ctx, const char *name, const kdst_options *options, kdst_layer **out);
int64_t kdst_model_count(void);
const char *kdst_model_get_name(int64_t index);
const char *kdst_model_get_help(int64_t index);

/* npy.h */
kdst_status kdst_npy_load(kdst_context *ctx, const char *path, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_npy_save(kdst_tensor *tensor, const char *path);

/* ops.h */
kdst_status kdst_add(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_sub(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_mul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_div(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_matmul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_linear(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out);
kdst_status kdst_conv2d(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_max_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_avg_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_global_avg_pool2d(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_batch_norm(kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_relu(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_log_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_dropout(kdst_tensor *x, double rate, kdst_tensor **out);
kdst_status kdst_sum(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_mean(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_cross_entropy(kdst_tensor *logits, kdst_tensor *labels, kdst_tensor **out);
kdst_status kdst_reshape(kdst_tensor *x, int64_t rank, const int64_t *shape, kdst_tensor **out);
kdst_status kdst_transpose(kdst_tensor *x, int64_t axis_a, int64_t axis_b, kdst_tensor **out);
kdst_status kdst_slice(kdst_tensor *x, int64_t axis, int64_t start, int64_t stop, int64_t step, kdst_tensor **out);
kdst_status kdst_pad(kdst_tensor *x, int64_t axis, int64_t before, int64_t after, kdst_tensor **out);

/* optimizer.h */
typedef struct kdst_optimizer kdst_optimizer;
kdst_status kdst_optimizer_sgd_create(kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);
kdst_status kdst_optimizer_adam_create(kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);
void kdst_optimizer_retain(kdst_optimizer *optimizer);
void kdst_optimizer_release(kdst_optimizer *optimizer);
kdst_status kdst_optimizer_add_layer(kdst_optimizer *optimizer, kdst_layer *layer);
kdst_status kdst_optimizer_add_tensor(kdst_optimizer *optimizer, const char *name, kdst_tensor *tensor);
kdst_status kdst_optimizer_run(kdst_optimizer *optimizer);
kdst_status kdst_optimizer_clear_grads(kdst_optimizer *optimizer);
kdst_status kdst_optimizer_set_learning_rate(kdst_optimizer *optimizer, double learning_rate);
kdst_status kdst_optimizer_get_learning_rate(kdst_optimizer *optimizer, double *out);
int64_t kdst_optimizer_get_state_count(const kdst_optimizer *optimizer);
kdst_status kdst_optimizer_get_state(kdst_optimizer *optimizer, int64_t index, const char **out_name, kdst_tensor **out);
int64_t kdst_optimizer_get_steps(const kdst_optimizer *optimizer);
kdst_status kdst_optimizer_set_steps(kdst_optimizer *optimizer, int64_t steps);

/* schedule.h */
typedef struct kdst_schedule kdst_schedule;
kdst_status kdst_schedule_constant_create(kdst_context *ctx, kdst_schedule **out);
kdst_status kdst_schedule_step_create(kdst_context *ctx, const kdst_options *options, kdst_schedule **out);
kdst_status kdst_schedule_cosine_create(kdst_context *ctx, int64_t total, const kdst_options *options, kdst_schedule **out);
void kdst_schedule_retain(kdst_schedule *schedule);
void kdst_schedule_release(kdst_schedule *schedule);
kdst_status kdst_schedule_get_factor(kdst_schedule *schedule, int64_t step, double *out);

/* state.h */
typedef struct kdst_state kdst_state;
kdst_status kdst_state_create(kdst_context *ctx, kdst_state **out);
void kdst_state_retain(kdst_state *state);
void kdst_state_release(kdst_state *state);
kdst_status kdst_state_set(kdst_state *state, const char *name, kdst_tensor *tensor);
kdst_status kdst_state_set_text(kdst_state *state, const char *key, const char *text);
kdst_status kdst_state_add_layer(kdst_state *state, const char *prefix, kdst_layer *layer);
kdst_status kdst_state_get(kdst_state *state, const char *name, kdst_tensor **out);
kdst_status kdst_state_get_text(kdst_state *state, const char *key, const char **out);
int64_t kdst_state_get_count(const kdst_state *state);
int64_t kdst_state_get_text_count(const kdst_state *state);
kdst_status kdst_state_get_at(kdst_state *state, int64_t index, const char **out_name, kdst_tensor **out_tensor);
kdst_status kdst_state_get_text_at(kdst_state *state, int64_t index, const char **out_key, const char **out_text);
kdst_status kdst_state_save(kdst_state *state, const char *path);
kdst_status kdst_state_load(kdst_context *ctx, const char *path, kdst_state **out);
kdst_status kdst_layer_load_state(kdst_layer *layer, kdst_state *state, const kdst_options *options);
kdst_status kdst_layer_save(kdst_layer *layer, const char *path);
kdst_status kdst_layer_load(kdst_layer *layer, const char *path, const kdst_options *options);

/* trainer.h */
typedef struct kdst_trainer kdst_trainer;
typedef int32_t kdst_event;
enum {
    KDST_EVENT_STEP = 1,
    KDST_EVENT_EPOCH = 2,
    KDST_EVENT_FINISHED = 3
};
typedef kdst_status (*kdst_progress_fn)(void *user_data, kdst_trainer *trainer, kdst_event event);
kdst_status kdst_trainer_create(kdst_layer *model, kdst_loss *loss, kdst_optimizer *optimizer, kdst_loader *loader, const kdst_options *options, kdst_trainer **out);
void kdst_trainer_retain(kdst_trainer *trainer);
void kdst_trainer_release(kdst_trainer *trainer);
kdst_status kdst_trainer_set_teacher(kdst_trainer *trainer, kdst_layer *teacher);
kdst_status kdst_trainer_set_schedule(kdst_trainer *trainer, kdst_schedule *schedule);
kdst_status kdst_trainer_set_validation(kdst_trainer *trainer, kdst_loader *loader);
kdst_status kdst_trainer_set_progress(kdst_trainer *trainer, kdst_progress_fn progress, void *user_data, kdst_destroy_fn destroy);
kdst_status kdst_trainer_step(kdst_trainer *trainer, kdst_event *out_event);
kdst_status kdst_trainer_run(kdst_trainer *trainer);
kdst_status kdst_trainer_get(kdst_trainer *trainer, const char *key, double *out);
kdst_status kdst_trainer_get_history(kdst_trainer *trainer, kdst_tensor **out);
kdst_status kdst_trainer_get_metrics(kdst_trainer *trainer, kdst_metrics **out);
kdst_status kdst_trainer_save(kdst_trainer *trainer, const char *path);
kdst_status kdst_trainer_load(kdst_trainer *trainer, const char *path);

/* version.h */
const char *kdst_version(void);
int64_t kdst_version_number(void);
const char *kdst_build_info(const char *key);
