// expect: nobody has said how this class travels
#include <string>
#include <utility>

#include <drover/codec.hpp>

class Text {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}

 private:
  std::string text_;
};
void refused() {
  drover::detail::require_transportable<Text>();
}
