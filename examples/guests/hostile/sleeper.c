/* Waits in a host call for an hour, using neither fuel nor processor time. The deadline ends it. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    puts("asleep");
    fflush(stdout);
    sleep(3600);
    puts("awake: no limit stopped me");
    return 1;
}
