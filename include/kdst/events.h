/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings of event cameras: address-event streams such as those of N-MNIST, binned to the steps of a spiking network.
 *
 * Binary files have five bytes an event: x, y, then, high byte first, the polarity (1 bit) and the time in microseconds (23 bits), in order of
 * time. Text files have a line "id t1 t2 ..." for each input with events, as the official code of TSSL-BP reads them: id - 1 =
 * (polarity W + x) H + y, and times are steps counted from 1; a line ends at the first one of T or later.
 */
#ifndef KDST_EVENTS_H
#define KDST_EVENTS_H

#include <kdst/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Reads a recording.
 *
 *  Channel 0 has the events of polarity 0 (darker), channel 1 those of polarity 1. An event at time t belongs to step floor(t / bin); those
 *  of step T and later are dropped, but must be well-formed, too.
 *
 *  @param      ctx      the context; retained by the tensor
 *  @param      path     UTF-8; of a file of at most 2^28 bytes
 *  @param      options  nullable; schema "events": format "binary" | "text" = "binary", steps [1,1000000] = 300 (T), bin [1,8388608] = 1000
 *                       (microseconds of a step; 3000 and 100 steps are those of the published N-MNIST result), height [1,256] = 34 and
 *                       width [1,256] = 34 of the sensor, count 0 | 1 = 0 (1: a place's events of one step are counted, up to 255; 0:
 *                       several are as one), overflow 0 | 1 = 0 (1: an event in row 240 is none, and 8192 us are added to the times
 *                       behind it), dtype "float32" | "float64" | "uint8"
 *  @param[out] out      new [T, 2, H, W]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), NOT_FOUND, IO, FORMAT (no event, an incomplete one, one beside the sensor, one before its
 *          predecessor, no number, too large), SHAPE (sizes), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_events_load(kdst_context *ctx, const char *path, const kdst_options *options, kdst_tensor **out);

/** The same from memory.
 *
 *  @param      ctx      the context; retained by the tensor
 *  @param      data     [bytes], what a file would hold; NULL where bytes is 0
 *  @param      bytes    at least 0
 *  @param      options  nullable; schema "events", as kdst_events_load
 *  @param[out] out      new [T, 2, H, W]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, bytes, option), FORMAT (as kdst_events_load), SHAPE (sizes), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_events_load_bytes(
    kdst_context *ctx, const void *data, int64_t bytes, const kdst_options *options, kdst_tensor **out);

/** Reads a folder of recordings by class: <path>/<class>/<recording>.
 *
 *  Folders and files make classes and samples as in kdst_dataset_load_folder; files end in .bin or .bs2, those of the text form in .txt. Only
 *  names are read here: a recording is read and binned when it is asked for, by the loader's thread when it has one, and one that
 *  cannot be read fails there with its name.
 *
 *  @param      ctx      the context; retained by the data set
 *  @param      path     UTF-8; of the folder
 *  @param      options  nullable; schema "dataset.events": format, steps, bin, height, width, count and overflow as kdst_events_load
 *  @param[out] out      new; T images uint8 [2, H, W] a sample, of which 1 stands for 1; released with kdst_dataset_release
 *  @status INVALID_ARGUMENT (NULL, option), NOT_FOUND, IO, FORMAT (no class, a class without a recording), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dataset_load_events(
    kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out);

#ifdef __cplusplus
}
#endif

#endif
