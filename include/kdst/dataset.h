/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets: images [N, C, H, W], or sequences of images [N, T, C, H, W], with labels [N], read whole from files or made from tensors, or one
 * by one from folders and callbacks.
 *
 * Every file of arrays may be gzip-compressed, which is recognised by its content. Files are checked against their own headers: one that is
 * too short or too long is refused.
 */
#ifndef KDST_DATASET_H
#define KDST_DATASET_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Images and labels; never changes after it was made. */
typedef struct kdst_dataset kdst_dataset;

/** Makes a data set from tensors.
 *
 *  @param      ctx      the context; retained by the data set
 *  @param      images   [N, C, H, W] or [N, T, C, H, W], N >= 1, uint8 (0 to 255 stands for 0 to 1), float32 or float64; retained: do not
 *                       write to it any more
 *  @param      labels   int32 [N], each in [0, classes); retained: do not write to it any more
 *  @param      classes  K >= 1; 0: the largest label + 1
 *  @param[out] out      new; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, another context, label out of range, pixel not finite, classes), SHAPE (also: no sample), DTYPE,
 *          OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_create(
    kdst_context *ctx, kdst_tensor *images, kdst_tensor *labels, int64_t classes, kdst_dataset **out);

/** Reads a pair of IDX files (MNIST, Fashion-MNIST, EMNIST).
 *
 *  @param      ctx      the context; retained by the data set
 *  @param      images   path, UTF-8; unsigned bytes [N, H, W] or [N, C, H, W]
 *  @param      labels   path, UTF-8; unsigned bytes [N]
 *  @param      options  nullable; schema "dataset.idx": classes [0,65536] = 0 (the largest label + 1)
 *  @param[out] out      new; images uint8; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, option, label out of range), NOT_FOUND, IO, FORMAT (no IDX file, truncated, oversized, corrupt, the
 *          files disagree), UNSUPPORTED (other element types; gzip in a build without zlib), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_load_idx(
    kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out);

/** Reads CIFAR-10 or CIFAR-100 batches in the binary version, one after another.
 *
 *  @param      ctx      the context; retained by the data set
 *  @param      paths    [count] UTF-8 paths, such as data_batch_1.bin …; records of 3073 (CIFAR-10) or 3074 bytes (CIFAR-100)
 *  @param      count    number of files, at least 1
 *  @param      options  nullable; schema "dataset.cifar": kind "cifar10" | "cifar100" | "cifar100_coarse" (the 20 superclasses)
 *  @param[out] out      new; images uint8 [N, 3, 32, 32]; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, count, option), NOT_FOUND, IO, FORMAT (empty, truncated within a record, label out of range),
 *          UNSUPPORTED (gzip in a build without zlib), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_load_cifar(
    kdst_context *ctx, const char *const *paths, int64_t count, const kdst_options *options, kdst_dataset **out);

/** Reads a pair of npy files.
 *
 *  uint8 images stay uint8; every other type becomes float32 and is taken as it is, unscaled.
 *
 *  @param      ctx      the context; retained by the data set
 *  @param      images   path, UTF-8; [N, H, W], or [N, C, H, W] ("nchw") or [N, H, W, C] ("nhwc")
 *  @param      labels   path, UTF-8; any integer type, [N]
 *  @param      options  nullable; schema "dataset.npy": layout "nchw" | "nhwc", classes [0,1000000] = 0 (the largest label + 1)
 *  @param[out] out      new; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, option, label out of range, pixel not finite), NOT_FOUND, IO, FORMAT (as kdst_npy_load), SHAPE, DTYPE
 *          (labels not integers), UNSUPPORTED, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_load_npy(
    kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out);

/** Reads images and labels of one npz file.
 *
 *  uint8 images stay uint8; every other type becomes float32 and is taken as it is, unscaled.
 *
 *  @param      ctx      the context; retained by the data set
 *  @param      path     UTF-8
 *  @param      options  nullable; schema "dataset.npz": images = "images" and labels = "labels" (names of the members), layout "nchw" |
 *                       "nhwc", classes [0,1000000] = 0 (the largest label + 1)
 *  @param[out] out      new; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, option, label out of range, pixel not finite), NOT_FOUND (the file, a member), IO, FORMAT (as
 *          kdst_npz_load), SHAPE, DTYPE (labels not integers), UNSUPPORTED, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_load_npz(
    kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out);

/** Reads a folder of PNG and JPEG images by class: <path>/<class>/<image>.
 *
 *  Folders, sorted by the bytes of their names, are classes 0, 1, …; their images, sorted likewise, are the samples. Names that begin with
 *  a point and files that do not end in .png, .jpg or .jpeg are left out, symbolic links are followed, folders within a class are not
 *  read. A class without an image is refused. Only names are read here: an image is read when it is asked for, by the loader's thread
 *  when it has one, and one that cannot be read fails there with its name.
 *
 *  Pixels become uint8: 16 bits are scaled to 8, palettes become colours, alpha is left out; grey is 0.299 R + 0.587 G + 0.114 B. With
 *  image_size the shorter side is brought to that length by bilinear resizing (which averages what a pixel covers when an image becomes
 *  smaller) and the middle is kept. Images have sides of at most 16384 and 2^26 pixels, files 2^28 bytes.
 *
 *  @param      ctx      the context; retained by the data set
 *  @param      path     UTF-8; of the folder
 *  @param      options  nullable; schema "dataset.folder": image_size [0,4096] = 0 (0: every image must have the size of the first one),
 *                       channels 1 | 3 = 3, cache 0 | 1 = 0 (1: decoded images stay in memory)
 *  @param[out] out      new; images uint8 [channels, size, size]; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, option), NOT_FOUND, IO, FORMAT (no class, a class without an image; the first image), UNSUPPORTED (the
 *          first image, in a build without its library), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_load_folder(
    kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out);

/** Writes the pixels [C, H, W] of a sample to memory that is the callee's until it returns; anything but OK is a failure.
 *
 *  It may call the library, but not the loader that asks. */
typedef kdst_status (*kdst_image_fn)(void *user_data, int64_t sample, void *pixels);

/** Makes a data set whose images a function gives, one at a time, whenever they are asked for.
 *
 *  The function runs only on the thread that called the API, so loaders of such a data set prepare nothing ahead: they ask for the images of
 *  a batch in kdst_loader_next, sample by sample. Without a callback: make tensors and kdst_dataset_create.
 *
 *  @param      ctx        the context; retained by the data set
 *  @param      labels     int32 [N], N >= 1, each in [0, classes); retained: do not write to it any more
 *  @param      classes    K >= 1; 0: the largest label + 1
 *  @param      dtype      of the pixels: uint8 (0 to 255 stands for 0 to 1), float32 or float64, which must be finite
 *  @param      shape      [3]: channels, height, width, each at least 1
 *  @param      fn         gives an image; the same one whenever it is asked for the same sample
 *  @param      user_data  for fn and destroy
 *  @param      destroy    nullable; called once with user_data, also when this fails
 *  @param[out] out        new; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, another context, label out of range, classes), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_create_callback(
    kdst_context *ctx, kdst_tensor *labels, int64_t classes, kdst_dtype dtype, const int64_t *shape, kdst_image_fn fn,
    void *user_data, kdst_destroy_fn destroy, kdst_dataset **out);

/** Splits into two data sets without a common sample, as class-balanced as the counts allow.
 *
 *  The first gets floor or ceil of count * n_k / N samples of a class with n_k; which ones is a pure function of seed and the labels.
 *  Both keep the order of the original.
 *
 *  @param      dataset     the original
 *  @param      count       samples of the first, 1 to N - 1
 *  @param      seed        chooses the samples
 *  @param[out] out_first   new; released with kdst_dataset_release
 *  @param[out] out_second  new; the others; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, count), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_create_split(
    kdst_dataset *dataset, int64_t count, uint64_t seed, kdst_dataset **out_first, kdst_dataset **out_second);

/** Chooses samples, in the given order, the same one as often as it is given.
 *
 *  @param      dataset  the original
 *  @param      samples  [count], each 0 to N - 1
 *  @param      count    at least 1
 *  @param[out] out      new; as many classes as the original; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, count, sample), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_create_subset(
    kdst_dataset *dataset, const int64_t *samples, int64_t count, kdst_dataset **out);

/** Adds a reference.
 *
 *  @param dataset  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_dataset_retain(kdst_dataset *dataset);

/** Drops a reference; the last one frees.
 *
 *  @param dataset  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_dataset_release(kdst_dataset *dataset);

/** Number of samples.
 *
 *  @param dataset  nullable
 *  @return         N; 0 for NULL
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_dataset_get_count(const kdst_dataset *dataset);

/** Number of classes.
 *
 *  @param dataset  nullable
 *  @return         K; 0 for NULL
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_dataset_get_classes(const kdst_dataset *dataset);

/** Name of a class: of a folder of images or recordings, its folder.
 *
 *  @param dataset  nullable
 *  @param label    0 to K - 1
 *  @return         borrowed while the data set lives; NULL where there is none
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_dataset_get_class_name(const kdst_dataset *dataset, int64_t label);

/** Shape of one image.
 *
 *  @param      dataset  the data set
 *  @param[out] out      [3]: channels, height, width
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_get_shape(kdst_dataset *dataset, int64_t *out);

/** Number of images of a sample.
 *
 *  @param dataset  nullable
 *  @return         T of a data set of sequences, such as recordings of events; 0 for single images and NULL
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_dataset_get_steps(const kdst_dataset *dataset);

/** One image, or sequence of images, as it is stored.
 *
 *  @param      dataset  the data set
 *  @param      sample   0 to N - 1
 *  @param[out] out      new; [C, H, W] or [T, C, H, W]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, sample), OUT_OF_MEMORY, and what an image's file or callback gives: NOT_FOUND, IO, FORMAT, SHAPE,
 *          UNSUPPORTED, STATE, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_get_image(kdst_dataset *dataset, int64_t sample, kdst_tensor **out);

/** All images.
 *
 *  @param      dataset  the data set
 *  @param[out] out      borrowed while the data set lives; [N, C, H, W] or [N, T, C, H, W], not to be written to
 *  @status INVALID_ARGUMENT (NULL), UNSUPPORTED (images come one by one: kdst_dataset_get_image)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_get_images(kdst_dataset *dataset, kdst_tensor **out);

/** All labels.
 *
 *  @param      dataset  the data set
 *  @param[out] out      borrowed while the data set lives; int32 [N], not to be written to
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_get_labels(kdst_dataset *dataset, kdst_tensor **out);

/** Mean and standard deviation (of the population) of each channel over all pixels, uint8 scaled to [0, 1] (events: taken as they are).
 *
 *  @param      dataset        the data set
 *  @param[out] out_mean       [channels]
 *  @param[out] out_deviation  [channels]
 *  @param      channels       must be the data set's
 *  @status INVALID_ARGUMENT (NULL), SHAPE (channels), CANCELLED, OUT_OF_MEMORY, and what an image's file or callback gives: NOT_FOUND, IO,
 *          FORMAT, UNSUPPORTED, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_get_statistics(
    kdst_dataset *dataset, double *out_mean, double *out_deviation, int64_t channels);

#ifdef __cplusplus
}
#endif

#endif
