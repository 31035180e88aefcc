/* libonnx in a child process. Its inference trusts ranks and attributes: a file made for it (or a
 * damaged one) can crash it or keep it busy, and then only the child is lost. The child is a fork,
 * not a new program, because the operator registry takes longer to set up than most checks take.
 * In a fork of a process with threads only the calling thread lives on; the child uses malloc
 * (which glibc keeps usable) and libonnx, whose registry has been set up before. */
#include "onx/onx_priv.h"

#include "onx/onx_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_SECONDS 20

struct reply {
    int result;
    size_t size; /* of the bytes that follow */
    char msg[256];
};

static bool write_all(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* Handlers of the parent restore the terminal or write a journal: not the child's business. */
static void plain_signals(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGABRT,
                                SIGALRM, SIGTERM, SIGPIPE, SIGXCPU};
    sigset_t none;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL);
    signal(SIGINT, SIG_IGN); /* the parent decides what an interrupt means */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    alarm(CHILD_SECONDS);
}

/* libonnx warns on the standard streams, which may be a screen or a document. */
static void be_silent(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
}

static void child(int fd, const unsigned char *bytes, size_t size, bool infer)
{
    struct reply r = {0};
    unsigned char *out = NULL;
    plain_signals();
    be_silent();
    r.result = infer ? onx_shim_infer(bytes, size, &out, &r.size, r.msg, sizeof r.msg)
                     : onx_shim_check(bytes, size, r.msg, sizeof r.msg);
    bool sent = write_all(fd, &r, sizeof r) && write_all(fd, out, r.size);
    _exit(sent ? 0 : 1);
}

/* False when the pipe ends before. Its end is not waited for: a child of another thread may hold
 * the pipe open. */
static bool read_exactly(int fd, void *data, size_t n)
{
    char *p = data;
    while (n) {
        ssize_t got = read(fd, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool read_reply(int fd, struct reply *r, unsigned char **out)
{
    if (!read_exactly(fd, r, sizeof *r) || r->size > 2 * ONX_MAX_BYTES)
        return false;
    r->msg[sizeof r->msg - 1] = '\0';
    *out = x_try_calloc(1, r->size + 1);
    return *out && read_exactly(fd, *out, r->size);
}

static int in_child(const unsigned char *bytes, size_t size, unsigned char **out, size_t *out_size,
                    char *msg, size_t msg_size)
{
    int fd[2];
    unsigned char *data = NULL;
    struct reply r = {0};
    onx_shim_warm();
    if (pipe2(fd, O_CLOEXEC) < 0) {
        snprintf(msg, msg_size, "no pipe: %s", strerror(errno));
        return 2;
    }
    pid_t pid = fork();
    if (pid == 0)
        child(fd[1], bytes, size, out != NULL);
    close(fd[1]);
    bool complete = pid > 0 && read_reply(fd[0], &r, &data);
    close(fd[0]);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (complete) {
        snprintf(msg, msg_size, "%s", r.msg);
    } else {
        r.result = 2;
        if (pid > 0 && WIFSIGNALED(status))
            snprintf(msg, msg_size, "gave up (signal %d)", WTERMSIG(status));
        else
            snprintf(msg, msg_size, "no answer");
    }
    if (r.result == 0 && out) {
        *out = data;
        *out_size = r.size;
    } else {
        free(data);
    }
    return r.result;
}

int onx_child_check(const unsigned char *bytes, size_t size, char *msg, size_t msg_size)
{
    return in_child(bytes, size, NULL, NULL, msg, msg_size);
}

int onx_child_infer(const unsigned char *bytes, size_t size, unsigned char **out, size_t *out_size,
                    char *msg, size_t msg_size)
{
    return in_child(bytes, size, out, out_size, msg, msg_size);
}
