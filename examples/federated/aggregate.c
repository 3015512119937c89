/* Makes the next model of the last one and the updates of clients.
 *
 *   aggregate mean clip=1.0 cap=200 [noise=1.5]
 *   aggregate median clip=1.0
 *   aggregate trimmed clip=1.0 trim=2
 *
 * Reads the model at /in/model, the noise's seed at /in/seed if there is noise, and takes every other file of /in for an
 * update. Names and order of files change nothing: updates are sorted by their client.
 *
 *   clip    an update that is longer (L2) is shortened to this length
 *   cap     more samples than this do not count: a client says itself how many it has
 *   trim    of each weight, so many of the lowest and of the highest values are left out
 *   noise   the standard deviation of Gaussian noise on the sum of the updates, in multiples of clip
 *
 * Median and trimmed mean count each client once. With noise, a client counts min(samples, cap) / cap, and the sum is
 * divided by the number of clients: so one client moves the sum by clip at most, which is what the noise has to hide.
 * Nothing is written before everything is done, so there is never a model with less noise than was asked for.
 * Standard error says whose update was clipped or capped.
 */
#include <dirent.h>

#include "fixed.h"
#include "noise.h"

enum {
    UPDATES_MAX = 256,
    SEED_DIGITS = 2 * DIGEST_BYTES,
};

enum rule { MEAN, MEDIAN, TRIMMED };

/* Zero stands for what was not given. */
struct options {
    enum rule rule;
    fixed clip, noise;
    int64_t cap, trim;
};

struct update {
    char path[PATH_BYTES_MAX], client[CLIENT_BYTES_MAX + 1];
    uint8_t digest[DIGEST_BYTES];
    int64_t samples;
    fixed *delta;
};

struct round {
    struct options options;
    struct model model;
    uint8_t model_digest[DIGEST_BYTES], seed[DIGEST_BYTES];
    bool seeded;
    int count;
    struct update updates[UPDATES_MAX];
};

static fixed positive_decimal(struct text *text, fixed most)
{
    fixed value = take_decimal(text);
    if (value <= 0 || value > most)
        refuse(text, "is out of range");
    return value;
}

static void parse_option(struct options *options, const char *text_of)
{
    const char *value = strchr(text_of, '=');
    struct text text = {text_of, value == NULL ? text_of : value + 1, text_of + strlen(text_of), 0};
    bool again = false;
    if (strncmp(text_of, "clip=", 5) == 0) {
        again = options->clip != 0;
        options->clip = positive_decimal(&text, WEIGHT_MAX);
    } else if (strncmp(text_of, "cap=", 4) == 0 && options->rule == MEAN) {
        again = options->cap != 0;
        options->cap = take_integer(&text, 1, SAMPLES_MAX);
    } else if (strncmp(text_of, "trim=", 5) == 0 && options->rule == TRIMMED) {
        again = options->trim != 0;
        options->trim = take_integer(&text, 1, UPDATES_MAX / 2);
    } else if (strncmp(text_of, "noise=", 6) == 0 && options->rule == MEAN) {
        again = options->noise != 0;
        options->noise = positive_decimal(&text, 1000 * ONE);
        /* Less would be noise that hides nobody, under the name of privacy. */
        if (options->noise < ONE / 10)
            refuse(&text, "is less than 0.1");
    } else {
        refuse(&text, "is no option of this rule; noise is for the mean only, whose sensitivity is known");
    }
    take_end(&text);
    if (again)
        refuse(&text, "is given twice");
}

static struct options parse_options(int argc, char **argv)
{
    static const char *const rules[] = {"mean", "median", "trimmed"};
    struct options options = {0};
    while (argc < 2 || strcmp(argv[1], rules[options.rule]) != 0)
        if (argc < 2 || ++options.rule > TRIMMED)
            refuse_all("usage", "aggregate mean|median|trimmed clip=LENGTH [cap=SAMPLES] [trim=COUNT] [noise=MULTIPLIER]");
    for (int at = 2; at < argc; at++)
        parse_option(&options, argv[at]);
    if (options.clip == 0)
        refuse_all("clip", "is missing");
    if (options.rule == MEAN && options.cap == 0)
        refuse_all("cap", "is missing");
    if (options.rule == TRIMMED && options.trim == 0)
        refuse_all("trim", "is missing");
    return options;
}

static void read_seed(struct round *round)
{
    struct text text = read_text("/in/seed");
    for (int at = 0; at < SEED_DIGITS; at++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, next_byte(&text));
        if (next_byte(&text) <= 0 || digit == NULL)
            refuse(&text, "a seed has 64 digits of 0-9 and a-f");
        round->seed[at / 2] = (uint8_t)(round->seed[at / 2] << 4 | (digit - digits));
        text.at++;
    }
    take_line_end(&text);
    take_end(&text);
    round->seeded = true;
}

static void read_update(struct round *round, struct update *update)
{
    static fixed delta[WEIGHTS_MAX];
    struct text text = read_text(update->path);
    hash_of(text.at, (size_t)(text.end - text.at), update->digest);
    char *bytes = (char *)text.at;
    take(&text, "federated-update 1");
    take_line_end(&text);
    take(&text, "client ");
    take_client(&text, update->client);
    take_line_end(&text);
    take(&text, "round ");
    if (take_integer(&text, 0, ROUND_MAX) != round->model.round)
        refuse(&text, "the update is not for the round of /in/model");
    take_line_end(&text);
    take(&text, "samples ");
    update->samples = take_integer(&text, 1, SAMPLES_MAX);
    take_line_end(&text);
    int count = take_vector(&text, delta);
    if (count != round->model.count)
        refuse_all(update->path, "the update has another number of weights than /in/model");
    free(bytes);
    update->delta = malloc((size_t)count * sizeof *delta);
    if (update->delta == NULL)
        refuse_all(update->path, "there is no memory for the update");
    memcpy(update->delta, delta, (size_t)count * sizeof *delta);
}

static int by_client(const void *left, const void *right)
{
    const struct update *a = left, *b = right;
    int order = strcmp(a->client, b->client);
    return order != 0 ? order : strcmp(a->path, b->path);
}

static void read_inputs(struct round *round)
{
    struct text model = read_text("/in/model");
    hash_of(model.at, (size_t)(model.end - model.at), round->model_digest);
    take_model(model, &round->model);
    DIR *directory = opendir("/in");
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "model") == 0)
            continue;
        if (strcmp(name, "seed") == 0) {
            read_seed(round);
            continue;
        }
        if (round->count == UPDATES_MAX)
            refuse_all("/in", "there are more than 256 updates");
        struct update *update = &round->updates[round->count++];
        snprintf(update->path, sizeof update->path, "/in/%s", name);
        if (entry->d_type != DT_REG)
            refuse_all(update->path, "is no file");
        read_update(round, update);
    }
    if (round->count == 0)
        refuse_all("/in", "there are no updates");
    qsort(round->updates, (size_t)round->count, sizeof *round->updates, by_client);
    for (int at = 1; at < round->count; at++)
        if (strcmp(round->updates[at - 1].client, round->updates[at].client) == 0) {
            char why[PATH_BYTES_MAX + 64];
            snprintf(why, sizeof why, "there is an update of the same client in %s", round->updates[at - 1].path);
            refuse_all(round->updates[at].path, why);
        }
}

/* The least whole number whose square is not below the value, so that a length is never taken for shorter than it is. */
static wide root_up(wide value)
{
    wide root = 0;
    for (wide bit = (wide)1 << 62; bit > 0; bit /= 2)
        if ((root + bit) * (root + bit) <= value)
            root += bit;
    return root * root < value ? root + 1 : root;
}

/* Shortens an update to the length `clip`. Each part is rounded towards zero, so the result is never longer. */
static void clip(struct update *update, int count, fixed most)
{
    wide squares = 0;
    for (int at = 0; at < count; at++)
        squares += (wide)update->delta[at] * update->delta[at];
    if (squares <= (wide)most * most)
        return;
    wide length = root_up(squares);
    for (int at = 0; at < count; at++)
        update->delta[at] = (fixed)((wide)update->delta[at] * most / length);
    fprintf(stderr, "clipped %s\n", update->client);
}

static void clip_and_cap(struct round *round)
{
    int64_t cap = round->options.cap;
    for (int at = 0; at < round->count; at++) {
        struct update *update = &round->updates[at];
        clip(update, round->model.count, round->options.clip);
        if (cap > 0 && update->samples > cap) {
            update->samples = cap;
            fprintf(stderr, "capped %s\n", update->client);
        }
    }
}

static wide weighted_mean(const struct round *round, int weight)
{
    wide sum = 0, samples = 0;
    for (int at = 0; at < round->count; at++) {
        sum += (wide)round->updates[at].samples * round->updates[at].delta[weight];
        samples += round->updates[at].samples;
    }
    return sum / samples;
}

/* Each share is rounded towards zero before the sum is taken: what one client adds stays a vector no longer than clip. */
static wide noisy_mean(const struct round *round, int weight, struct noise *noise, uint64_t sigma)
{
    wide sum = gaussian(noise, sigma);
    for (int at = 0; at < round->count; at++)
        sum += (wide)round->updates[at].samples * round->updates[at].delta[weight] / round->options.cap;
    return sum / round->count;
}

static int by_value(const void *left, const void *right)
{
    fixed a = *(const fixed *)left, b = *(const fixed *)right;
    return (a > b) - (a < b);
}

/* The mean without the `trim` lowest and highest. Of the median, one value is left, or the two in the middle. */
static wide trimmed_mean(const struct round *round, int weight, int trim)
{
    fixed values[UPDATES_MAX];
    wide sum = 0;
    for (int at = 0; at < round->count; at++)
        values[at] = round->updates[at].delta[weight];
    qsort(values, (size_t)round->count, sizeof *values, by_value);
    for (int at = trim; at < round->count - trim; at++)
        sum += values[at];
    return sum / (round->count - 2 * trim);
}

/* The key of the noise. It is of all that goes into the model, so that a seed that is used twice does not give the same
 * noise twice: who knew two models with the same noise would know the difference of the updates exactly. */
static struct noise noise_of(const struct round *round)
{
    static const char purpose[] = "federated-noise 1\n";
    uint8_t key[DIGEST_BYTES];
    struct hash hash = hash_new();
    hash_add(&hash, purpose, sizeof purpose - 1);
    hash_add(&hash, round->seed, DIGEST_BYTES);
    hash_add_number(&hash, (uint64_t)round->options.clip);
    hash_add_number(&hash, (uint64_t)round->options.cap);
    hash_add_number(&hash, (uint64_t)round->options.noise);
    hash_add(&hash, round->model_digest, DIGEST_BYTES);
    for (int at = 0; at < round->count; at++)
        hash_add(&hash, round->updates[at].digest, DIGEST_BYTES);
    hash_end(&hash, key);
    return noise_new(key);
}

/* In the unit of a `fixed`, rounded up; the multiplier itself may have been rounded down by one when it was read. */
static uint64_t sigma_of(const struct options *options)
{
    wide sigma = (wide)(options->noise + 1) * options->clip / ONE + 1;
    if (sigma > (wide)SIGMA_MAX)
        refuse_all("noise", "noise times clip is more than 16.0");
    return (uint64_t)sigma;
}

static void combine(struct round *round)
{
    const struct options *options = &round->options;
    struct noise noise = noise_of(round);
    uint64_t sigma = options->noise > 0 ? sigma_of(options) : 0;
    int trim = options->rule == MEDIAN ? (round->count - 1) / 2 : (int)options->trim;
    if (round->count <= 2 * trim)
        refuse_all("trim", "leaves no update");
    for (int at = 0; at < round->model.count; at++) {
        wide change = options->rule != MEAN ? trimmed_mean(round, at, trim)
                      : sigma > 0           ? noisy_mean(round, at, &noise, sigma)
                                            : weighted_mean(round, at);
        wide weight = round->model.weights[at] + change;
        if (weight < -WEIGHT_MAX || weight > WEIGHT_MAX)
            refuse_all("/in/model", "a weight would leave its range");
        round->model.weights[at] = (fixed)weight;
    }
}

int main(int argc, char **argv)
{
    static struct round round;
    program = "aggregate";
    round.options = parse_options(argc, argv);
    read_inputs(&round);
    if (round.seeded != (round.options.noise > 0))
        refuse_all("/in/seed", round.seeded ? "is there, but `noise=` is not" : "is missing, and noise needs it");
    if (round.model.round == ROUND_MAX)
        refuse_all("/in/model", "is of the last round");
    clip_and_cap(&round);
    combine(&round);
    printf("federated-model 1\nround %lld\n", (long long)round.model.round + 1);
    put_vector(round.model.weights, round.model.count);
    return 0;
}
