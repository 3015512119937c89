/* Halves pictures: each pixel of the result is the mean of two by two pixels.
 *
 *   shrink                       every picture of /in becomes one of the same name in /out, and a line on stdout
 *   shrink < picture.ppm         one picture to standard output, where there is no /in
 *
 * Reads binary PPM (P6) and PGM (P5) with 8 bits a sample. A last odd row or column is left out.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SIDE_MAX = 16384,
    PIXELS_MAX = 64 << 20,
    PATH_BYTES_MAX = 512,
};

struct picture {
    uint32_t width, height, channels;
    uint8_t *samples;
};

static void die(const char *message)
{
    fprintf(stderr, "shrink: %s\n", message);
    exit(2);
}

/* The next number of the header; comments run from # to the end of the line. */
static uint32_t header_number(FILE *file)
{
    int byte = getc(file);
    while (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n' || byte == '#') {
        if (byte == '#')
            while (byte != '\n' && byte != EOF)
                byte = getc(file);
        byte = getc(file);
    }
    uint32_t value = 0;
    if (byte < '0' || byte > '9')
        die("the header is not that of a PPM or PGM picture");
    for (; byte >= '0' && byte <= '9'; byte = getc(file)) {
        value = value * 10 + (uint32_t)(byte - '0');
        if (value > SIDE_MAX)
            die("the picture is too large");
    }
    return value; /* the one byte of white space after the number is used up */
}

static struct picture read_picture(FILE *file)
{
    struct picture picture = {0};
    if (getc(file) != 'P')
        die("this is no PPM or PGM picture: it does not start with P5 or P6");
    switch (getc(file)) {
    case '5': picture.channels = 1; break;
    case '6': picture.channels = 3; break;
    default: die("only the binary forms P5 and P6 can be read");
    }
    picture.width = header_number(file);
    picture.height = header_number(file);
    if (header_number(file) != 255)
        die("only pictures with 8 bits a sample can be read");
    if (picture.width < 2 || picture.height < 2)
        die("the picture is too small to be halved");
    if ((uint64_t)picture.width * picture.height > PIXELS_MAX)
        die("the picture is too large");
    size_t bytes = (size_t)picture.width * picture.height * picture.channels;
    picture.samples = malloc(bytes);
    if (picture.samples == NULL)
        die("out of memory");
    if (fread(picture.samples, 1, bytes, file) != bytes)
        die("the picture ends early");
    return picture;
}

static struct picture halve(const struct picture *from)
{
    struct picture half = {from->width / 2, from->height / 2, from->channels, NULL};
    half.samples = malloc((size_t)half.width * half.height * half.channels);
    if (half.samples == NULL)
        die("out of memory");
    size_t row = (size_t)from->width * from->channels;
    uint8_t *to = half.samples;
    for (uint32_t y = 0; y < half.height; y++)
        for (uint32_t x = 0; x < half.width; x++)
            for (uint32_t channel = 0; channel < from->channels; channel++) {
                const uint8_t *above = from->samples + 2 * y * row + 2 * x * from->channels + channel;
                const uint8_t *below = above + row;
                unsigned sum = above[0] + above[from->channels] + below[0] + below[from->channels];
                *to++ = (uint8_t)((sum + 2) / 4);
            }
    return half;
}

static void write_picture(const struct picture *picture, FILE *file)
{
    size_t bytes = (size_t)picture->width * picture->height * picture->channels;
    fprintf(file, "P%c\n%u %u\n255\n", picture->channels == 1 ? '5' : '6', picture->width, picture->height);
    if (fwrite(picture->samples, 1, bytes, file) != bytes || fflush(file) != 0)
        die("the result could not be written");
}

static FILE *open_in(const char *directory, const char *name, const char *mode)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        fprintf(stderr, "shrink: cannot open %s\n", path);
        exit(2);
    }
    return file;
}

static void shrink(FILE *from, FILE *to, const char *name, FILE *talk)
{
    struct picture picture = read_picture(from);
    struct picture half = halve(&picture);
    write_picture(&half, to);
    fprintf(talk, "%s: %u x %u -> %u x %u\n", name, picture.width, picture.height, half.width, half.height);
    free(picture.samples);
    free(half.samples);
}

int main(void)
{
    DIR *directory = opendir("/in");
    struct dirent *entry;
    if (directory == NULL)
        shrink(stdin, stdout, "stdin", stderr);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_type != DT_REG)
            continue;
        FILE *from = open_in("/in", entry->d_name, "rb");
        FILE *to = open_in("/out", entry->d_name, "wb");
        shrink(from, to, entry->d_name, stdout);
        fclose(from);
        fclose(to);
    }
    return 0;
}
