/* Fixed-point numbers and the text files of this example, for train.c and aggregate.c.
 *
 * A `fixed` v stands for v / 2^24. Products and sums are taken in 128 bits and divided by C's `/`, which drops the rest
 * towards zero. There is no floating point, so every machine comes to the same bits, and so does reference.py.
 *
 * What is read has exactly one way to be written: no sign or zero too many, no spaces, LF at the end of every line.
 * Everything else ends the program with code 2 and a message that names the file and the line.
 */
#ifndef FIXED_H
#define FIXED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int64_t fixed;
typedef __int128 wide;
typedef unsigned __int128 unsigned_wide;

enum {
    WEIGHTS_MAX = 1024,
    CLIENT_BYTES_MAX = 32,
    INPUT_BYTES_MAX = 4 << 20,
    PATH_BYTES_MAX = 512,
    DIGITS_MAX = 18, /* so that no number that is read leaves 64 bits */
    FRACTION_DIGITS_MAX = 9,
};

static const fixed ONE = 1 << 24;
/* 1,048,576.0: larger weights are refused, so that sums over all weights and updates stay within 128 bits. */
static const fixed WEIGHT_MAX = (fixed)1 << 44;
static const int64_t ROUND_MAX = 1000000;
/* What a client may say it has; what counts of it is up to the operator. */
static const int64_t SAMPLES_MAX = 1000000000000;

struct model {
    int64_t round;
    int count;
    fixed weights[WEIGHTS_MAX];
};

/* A text that is being read. Line 0 means that it is no file, and `path` says what else it is. */
struct text {
    const char *path, *at, *end;
    unsigned line;
};

static const char *program;

static inline _Noreturn void refuse(const struct text *text, const char *why)
{
    if (text->line > 0)
        fprintf(stderr, "%s: %s, line %u: %s\n", program, text->path, text->line, why);
    else
        fprintf(stderr, "%s: %s: %s\n", program, text->path, why);
    exit(2);
}

static inline _Noreturn void refuse_all(const char *path, const char *why)
{
    struct text text = {.path = path};
    refuse(&text, why);
}

static inline struct text read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(INPUT_BYTES_MAX + 1);
    if (file == NULL || bytes == NULL)
        refuse_all(path, "cannot be opened");
    size_t length = fread(bytes, 1, INPUT_BYTES_MAX + 1, file);
    if (ferror(file) || length > INPUT_BYTES_MAX)
        refuse_all(path, "cannot be read, or has more than 4194304 bytes");
    fclose(file);
    return (struct text){path, bytes, bytes + length, 1};
}

static inline int next_byte(const struct text *text)
{
    return text->at < text->end ? (unsigned char)*text->at : EOF;
}

static inline bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

/* Takes exactly these bytes. */
static inline void take(struct text *text, const char *wanted)
{
    size_t length = strlen(wanted);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, wanted, length) != 0) {
        char why[96];
        snprintf(why, sizeof why, "`%s` is missing", wanted);
        refuse(text, why);
    }
    text->at += length;
}

static inline void take_line_end(struct text *text)
{
    if (next_byte(text) != '\n')
        refuse(text, "the line should end here");
    text->at++;
    text->line++;
}

static inline void take_end(const struct text *text)
{
    if (text->at != text->end)
        refuse(text, "something is left after the end");
}

/* Takes digits; counts them for the fraction of a decimal number. */
static inline int64_t take_digits(struct text *text, int digits_max, int *count)
{
    int64_t value = 0;
    for (*count = 0; is_digit(next_byte(text)); ++*count) {
        if (*count == digits_max)
            refuse(text, "a number has too many digits");
        value = value * 10 + (*text->at++ - '0');
    }
    if (*count == 0)
        refuse(text, "a number is missing");
    return value;
}

static inline int64_t take_integer(struct text *text, int64_t least, int64_t most)
{
    int count;
    bool negative = next_byte(text) == '-';
    text->at += negative;
    bool zero_first = next_byte(text) == '0';
    int64_t value = take_digits(text, DIGITS_MAX, &count);
    if (zero_first && (negative || count > 1))
        refuse(text, "a number begins with a zero too many");
    value = negative ? -value : value;
    if (value < least || value > most)
        refuse(text, "a number is out of range");
    return value;
}

/* Takes a decimal number such as -1.25, at most 999999999.999999999. */
static inline fixed take_decimal(struct text *text)
{
    int count, places = 0;
    bool negative = next_byte(text) == '-';
    text->at += negative;
    wide value = take_digits(text, DIGITS_MAX - FRACTION_DIGITS_MAX, &count), scale = 1;
    if (next_byte(text) == '.') {
        text->at++;
        int64_t fraction = take_digits(text, FRACTION_DIGITS_MAX, &places);
        for (; places > 0; places--)
            scale *= 10;
        value = value * scale + fraction;
    }
    fixed result = (fixed)(value * ONE / scale);
    return negative ? -result : result;
}

/* Takes the part that models and updates share: how many numbers, and the numbers. */
static inline int take_vector(struct text *text, fixed *numbers)
{
    take(text, "weights ");
    int count = (int)take_integer(text, 1, WEIGHTS_MAX);
    take_line_end(text);
    for (int at = 0; at < count; at++) {
        numbers[at] = take_integer(text, -WEIGHT_MAX, WEIGHT_MAX);
        take_line_end(text);
    }
    take_end(text);
    return count;
}

static inline void take_model(struct text text, struct model *model)
{
    take(&text, "federated-model 1");
    take_line_end(&text);
    take(&text, "round ");
    model->round = take_integer(&text, 0, ROUND_MAX);
    take_line_end(&text);
    model->count = take_vector(&text, model->weights);
}

static inline bool is_client_byte(int byte)
{
    return (byte >= 'a' && byte <= 'z') || is_digit(byte) || byte == '-';
}

/* Takes a client's name: 1 to 32 of a-z, 0-9 and `-`. */
static inline void take_client(struct text *text, char *client)
{
    int length = 0;
    for (; is_client_byte(next_byte(text)); length++) {
        if (length == CLIENT_BYTES_MAX)
            refuse(text, "the client's name is too long");
        client[length] = *text->at++;
    }
    if (length == 0)
        refuse(text, "the client's name is missing");
    client[length] = '\0';
}

static inline void put_vector(const fixed *numbers, int count)
{
    printf("weights %d\n", count);
    for (int at = 0; at < count; at++)
        printf("%lld\n", (long long)numbers[at]);
    if (fflush(stdout) != 0 || ferror(stdout))
        refuse_all("standard output", "cannot be written");
}

#endif
