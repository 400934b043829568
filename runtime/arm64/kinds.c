/*
 * A QEMU plug-in that counts retired ARM64 instructions by kind, between two marks of the guest.
 *
 * Every translated block knows how many instructions of each kind it holds; QEMU adds these numbers to the
 * counters whenever the block runs. The guest marks a region by closing file numbers that cannot exist
 * (MARK_START, MARK_STOP): an error for the kernel, a sign for the plug-in, and no instruction more. In between,
 * whenever the guest reads the clock, the time and the counters are noted: a runtime's profiler reads it where an
 * operation begins and where it ends. (This QEMU gives its guest no vDSO, so that each reading is a system call.)
 * Written for version 1 of QEMU's plug-in interface; encodings after the Arm Architecture Reference Manual
 * (DDI 0487), chapter C4. Counting is not atomic: the guest must compute on one thread.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

/* What is used of QEMU's plug-in interface. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { INLINE_ADD_U64 = 0 };
typedef void (*translation_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*syscall_callback)(qemu_plugin_id_t id, unsigned int vcpu, int64_t number, uint64_t a1,
                                 uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
                                 uint64_t a7, uint64_t a8);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translation_callback callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int operation, void *counter,
                                              uint64_t value);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id, syscall_callback callback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

enum { SYSCALL_CLOSE = 57, SYSCALL_CLOCK_GETTIME = 113, MARK_START = -7001, MARK_STOP = -7002 };

enum kind { MEMORY, BRANCH, INTEGER, VECTOR, FLOAT, FP16, DOT, MATRIX, SVE, OTHER, KINDS };
static const char *const names[KINDS] = {"memory", "branch",      "integer", "vector", "float",
                                         "fp16",   "dot_product", "matrix",  "sve",    "other"};
static uint64_t counters[KINDS];
static char output[4096];

/* Readings of the clock; those beyond the last are counted and not kept. */
enum { READINGS = 1 << 17 };
static struct {
    uint64_t microseconds;
    uint64_t counters[KINDS];
} readings[READINGS];
static int read_so_far;

static bool is(uint32_t word, uint32_t mask, uint32_t value)
{
    return (word & mask) == value;
}

/* Advanced SIMD and scalar floating point. */
static enum kind of_simd(uint32_t w)
{
    uint32_t size = w >> 22 & 3, opcode = w >> 12 & 15;

    if (is(w, 0x9f208400, 0x0e008400)) { /* three registers of one type, extension */
        uint32_t extra = w >> 11 & 15;
        if (extra == 4 || extra == 5 || (extra == 13 && size == 1 && w >> 29 & 1))
            return MATRIX; /* SMMLA UMMLA USMMLA, BFMMLA */
        if (extra == 2 || extra == 3 || (extra == 15 && size == 1 && w >> 29 & 1))
            return DOT; /* SDOT UDOT, USDOT, BFDOT */
        if (extra >= 8)
            return size == 1 ? FP16 : FLOAT; /* FCMLA FCADD */
        return VECTOR;
    }
    if (is(w, 0x9f000400, 0x0f000000)) { /* vector by element */
        if (opcode == 14 || (opcode == 15 && size != 3))
            return DOT;
        if (opcode == 1 || opcode == 5 || opcode == 9)
            return size == 0 ? FP16 : FLOAT; /* FMLA FMLS FMUL FMULX */
        if (size == 2 && (opcode == 0 || opcode == 4 || opcode == 8 || opcode == 12) &&
            (opcode < 8) == !(w >> 29 & 1))
            return FP16; /* FMLAL FMLSL and their second parts */
        return VECTOR;
    }
    if (is(w, 0x9f60c400, 0x0e400400) || is(w, 0xdf60c400, 0x5e400400)) /* three fp16 registers */
        return FP16;
    if (is(w, 0x9f7e0c00, 0x0e780800) || is(w, 0xdf7e0c00, 0x5e780800)) /* two fp16 registers */
        return FP16;
    if (is(w, 0x9f20c400, 0x0e20c400) || is(w, 0xdf20c400, 0x5e20c400)) { /* three fp32/64 registers */
        uint32_t five = w >> 11 & 31;
        if (five == 25 && w >> 29 & 1)
            return FP16; /* FMLAL2 FMLSL2 */
        if (five == 29 && !(w >> 29 & 1) && !(w >> 23 & 1))
            return w >> 22 & 1 ? FLOAT : FP16; /* FMLAL FMLSL have size x0 */
        return FLOAT;
    }
    if (is(w, 0x9f3e0c00, 0x0e200800) || is(w, 0xdf3e0c00, 0x5e200800)) { /* two registers */
        uint32_t five = w >> 12 & 31;
        if (five >= 22 || (five >= 12 && five <= 15 && size >= 2))
            return FLOAT;
        return VECTOR;
    }
    if (is(w, 0x7f200000, 0x1e200000) || is(w, 0x7f200000, 0x1e000000) || is(w, 0x7f000000, 0x1f000000))
        return size == 3 ? FP16 : FLOAT; /* scalar, conversions too */
    return VECTOR;
}

static enum kind kind_of(uint32_t w)
{
    switch (w >> 25 & 15) {
    case 2:
        return SVE;
    case 8:
    case 9:
    case 5:
    case 13:
        return INTEGER;
    case 10:
    case 11:
        return BRANCH;
    case 4:
    case 6:
    case 12:
    case 14:
        return MEMORY;
    case 7:
    case 15:
        return of_simd(w);
    case 0:
        return w >> 31 ? SVE : OTHER; /* SME */
    default:
        return OTHER;
    }
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    uint64_t held[KINDS] = {0};
    (void)id;

    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), sizeof word);
        held[kind_of(word)]++;
    }
    for (int kind = 0; kind < KINDS; kind++)
        if (held[kind])
            qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &counters[kind], held[kind]);
}

static void note_reading(void)
{
    struct timespec now;

    if (read_so_far < READINGS) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        readings[read_so_far].microseconds = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        memcpy(readings[read_so_far].counters, counters, sizeof counters);
    }
    read_so_far++;
}

/* A line of JSON for the whole, then one for every reading: the time, the counters in their order. */
static void write_out(void)
{
    FILE *file = fopen(output, "a");

    if (!file)
        return;
    for (int kind = 0; kind < KINDS; kind++)
        fprintf(file, "%s\"%s\": %" PRIu64, kind ? ", " : "{", names[kind], counters[kind]);
    fprintf(file, "}\n");
    for (int i = 0; i < read_so_far && read_so_far <= READINGS; i++) {
        fprintf(file, "[%" PRIu64, readings[i].microseconds);
        for (int kind = 0; kind < KINDS; kind++)
            fprintf(file, ", %" PRIu64, readings[i].counters[kind]);
        fprintf(file, "]\n");
    }
    fclose(file);
}

static void called(qemu_plugin_id_t id, unsigned int vcpu, int64_t number, uint64_t a1, uint64_t a2,
                   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == SYSCALL_CLOCK_GETTIME)
        note_reading();
    if (number != SYSCALL_CLOSE)
        return;
    if ((int32_t)a1 == MARK_START) {
        memset(counters, 0, sizeof counters);
        read_so_far = 0;
    }
    if ((int32_t)a1 == MARK_STOP)
        write_out();
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0)
            snprintf(output, sizeof output, "%s", argv[i] + 4);
    if (!output[0])
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
