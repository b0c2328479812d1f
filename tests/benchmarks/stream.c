/* Copy and triad as STREAM has them (McCalpin 1995, https://www.cs.virginia.edu/stream/), timed when asked.
 *
 * Usage: stream ELEMENTS. Each line "copy" or "triad" on standard input is answered with the seconds of one pass, after
 * another that is not timed, and the middle element of its result. Elements are floats. Every array is aligned to 64
 * bytes and first touched by the threads that use it.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static float *a, *b, *c;
static long n;

static void copy(void)
{
#pragma omp parallel for
    for (long j = 0; j < n; j++)
        c[j] = a[j];
}

static void triad(void)
{
    const float scalar = 3.0f;
#pragma omp parallel for
    for (long j = 0; j < n; j++)
        a[j] = b[j] + scalar * c[j];
}

static void initialise(void)
{
#pragma omp parallel for
    for (long j = 0; j < n; j++) {
        a[j] = 1.0f;
        b[j] = 2.0f;
        c[j] = 0.0f;
    }
}

static float *array(void)
{
    void *memory = NULL;
    return posix_memalign(&memory, 64, n * sizeof(float)) ? NULL : memory;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

int main(int argc, char **argv)
{
    char kernel[16];
    n = argc > 1 ? atol(argv[1]) : 0;
    a = array();
    b = array();
    c = array();
    if (n < 1 || !a || !b || !c)
        return 1;
    initialise();
    while (scanf("%15s", kernel) == 1) {
        int copying = !strcmp(kernel, "copy");
        void (*pass)(void) = copying ? copy : triad;
        pass();
        double started = seconds();
        pass();
        double elapsed = seconds() - started;
        printf("%.9f %g\n", elapsed, copying ? c[n / 2] : a[n / 2]);
        fflush(stdout);
    }
    return 0;
}
