#include "onx/onx_shim.h"

#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

namespace
{

/* libonnx 1.12 refuses later versions, which only add what inference does not look at. */
constexpr int max_ir_version = 8;

/* The first line of a report, and the node that the checker names in a later one. */
void summary(const char *text, char *msg, size_t size)
{
    static const char mark[] = "==> Context: Bad node spec for node. ";
    std::string line(text, std::strcspn(text, "\r\n"));
    const char *where = std::strstr(text, mark);
    if (where) {
        where += sizeof mark - 1;
        line += " (" + std::string(where, std::strcspn(where, "\r\n")) + ")";
    }
    if (size == 0)
        return;
    size_t n = line.size() < size ? line.size() : size - 1;
    std::memcpy(msg, line.data(), n);
    msg[n] = '\0';
}

bool parse(onnx::ModelProto *m, const unsigned char *bytes, size_t size)
{
    /* Complaints of libprotobuf would go to stderr, over the screen. */
    google::protobuf::LogSilencer silence;
    if (size > INT_MAX)
        return false;
    google::protobuf::io::CodedInputStream in(bytes, static_cast<int>(size));
    if (!m->ParseFromCodedStream(&in))
        return false;
    if (m->ir_version() > max_ir_version)
        m->set_ir_version(max_ir_version);
    return true;
}

/* Runs fn, which returns 0 or 1, with every exception turned into a status. */
template <typename F> int guarded(char *msg, size_t msg_size, F fn)
{
    try {
        return fn();
    } catch (const std::bad_alloc &) {
        summary("out of memory", msg, msg_size);
        return 2;
    } catch (const std::exception &e) {
        summary(e.what(), msg, msg_size);
        return 1;
    } catch (...) {
        summary("unknown failure", msg, msg_size);
        return 2;
    }
}

} // namespace

extern "C" void onx_shim_warm(void)
{
    char msg[64];
    guarded(msg, sizeof msg, [] { return onnx::OpSchemaRegistry::Schema("Relu", 13, "") ? 0 : 1; });
}

extern "C" int onx_shim_check(const unsigned char *bytes, size_t size, char *msg, size_t msg_size)
{
    return guarded(msg, msg_size, [&] {
        onnx::ModelProto m;
        if (!parse(&m, bytes, size)) {
            summary("cannot be parsed", msg, msg_size);
            return 1;
        }
        onnx::checker::check_model(m);
        onnx::shape_inference::InferShapes(m, onnx::OpSchemaRegistry::Instance(),
                                           onnx::ShapeInferenceOptions(true, 1, true));
        return 0;
    });
}

extern "C" int onx_shim_infer(const unsigned char *bytes, size_t size, unsigned char **out,
                              size_t *out_size, char *msg, size_t msg_size)
{
    return guarded(msg, msg_size, [&] {
        onnx::ModelProto m;
        if (!parse(&m, bytes, size)) {
            summary("cannot be parsed", msg, msg_size);
            return 1;
        }
        /* The checker wants outputs to have a shape, which may be just what is asked for. */
        auto *outputs = m.mutable_graph()->mutable_output();
        for (int i = outputs->size() - 1; i >= 0; i--)
            if (!outputs->Get(i).type().tensor_type().has_shape())
                outputs->DeleteSubrange(i, 1);
        /* Inference takes well-formed nodes for granted. */
        onnx::checker::check_model(m);
        onnx::shape_inference::InferShapes(m, onnx::OpSchemaRegistry::Instance(),
                                           onnx::ShapeInferenceOptions(false, 0, true));
        std::string text;
        if (!m.SerializeToString(&text))
            return 2;
        *out = static_cast<unsigned char *>(std::malloc(text.empty() ? 1 : text.size()));
        if (!*out)
            return 2;
        std::memcpy(*out, text.data(), text.size());
        *out_size = text.size();
        return 0;
    });
}
