/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for OpenMP's header where the compiler has none: Debian's blis.h includes it and uses nothing of it. */
