// Types of cereal and of Boost.Serialization travel, alone and within structs.
#include <doctest/doctest.h>

#include "tests/common/codec_fixture.hpp"

#if __has_include(<cereal/cereal.hpp>)
#include <cereal/types/memory.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <drover/codec/cereal.hpp>

namespace by_cereal {

struct Scene {
  std::string name;
  std::vector<double> weights;
  std::vector<Scene> parts;
  bool ready = false;
  bool operator==(const Scene&) const = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(name), weights, parts, ready);
  }
};
struct Animal {
  virtual ~Animal() = default;
  [[nodiscard]] virtual int legs() const = 0;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Bird : Animal {
  int lost = 0;
  [[nodiscard]] int legs() const override { return 2 - lost; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<Animal>(this), lost);
  }
};
struct Unknown : Animal {
  [[nodiscard]] int legs() const override { return 100; }
};
struct Cage {
  std::shared_ptr<Animal> one, same;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(one, same);
  }
};
struct Holder {
  int number;
  std::vector<Scene> scenes;
};

}  // namespace by_cereal

CEREAL_REGISTER_TYPE(by_cereal::Bird)
template <>
struct drover::Codec<by_cereal::Scene> : drover::CerealCodec<by_cereal::Scene> {};
template <>
struct drover::Codec<by_cereal::Cage> : drover::CerealCodec<by_cereal::Cage> {};

TEST_CASE("a type of cereal travels, alone and inside a struct") {
  using namespace by_cereal;
  const Scene scene{"harbour", {1, 2}, {{"boat", {}, {}, true}}, true};
  CHECK(drover::there_and_back(scene) == scene);
  CHECK(drover::there_and_back(Holder{3, {scene, scene}}).scenes.at(1) == scene);
}

TEST_CASE("cereal's shared and polymorphic pointers travel") {
  using namespace by_cereal;
  const auto bird = std::make_shared<Bird>();
  bird->lost = 1;
  const Cage cage = drover::there_and_back(Cage{bird, bird});
  CHECK(cage.one->legs() == 1);
  CHECK(cage.one == cage.same);
  CHECK_THROWS_AS(drover::encoded(Cage{std::make_shared<Unknown>(), nullptr}), drover::NotTransportable);
}

TEST_CASE("bytes that cereal did not write are refused") {
  using namespace by_cereal;
  const std::string whole = drover::encoded(Scene{"harbour", {1, 2}, {{"boat", {}, {}, true}}, true});
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_THROWS_AS(drover::decoded<Scene>(whole.substr(0, size)), drover::DecodeError);
  const std::uint64_t many = std::uint64_t{1} << 60;
  CHECK_THROWS_AS(drover::decoded<Scene>(drover::count_of(many)), drover::DecodeError);
  CHECK_THROWS_AS(drover::decoded<Scene>(drover::count_of(0) + drover::count_of(many)), drover::DecodeError);
  CHECK_THROWS_AS(drover::decoded<Scene>(drover::bytes_of({0, 0, 0, 2})), drover::DecodeError);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += drover::bytes_of({0, 0, 1});
  CHECK_THROWS_WITH_AS(drover::decoded<Scene>(deep), doctest::Contains("nested too deep"),
                       drover::DecodeError);
}
#endif

// Boost's headers come without the library, so the build says whether there is one.
#ifdef DROVER_TEST_BOOST_SERIALIZATION
#include <drover/codec/boost_serialization.hpp>

#include <boost/serialization/base_object.hpp>
#include <boost/serialization/export.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/shared_ptr.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

namespace by_boost {

struct Scene {
  std::string name;
  std::vector<double> weights;
  std::map<std::string, int> counts;
  std::vector<Scene> parts;
  bool ready = false;
  bool operator==(const Scene&) const = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& weights& counts& parts& ready;
  }
};
struct Animal {
  virtual ~Animal() = default;
  [[nodiscard]] virtual int legs() const = 0;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
struct Bird : Animal {
  int lost = 0;
  [[nodiscard]] int legs() const override { return 2 - lost; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::base_object<Animal>(*this) & lost;
  }
};
struct Unknown : Animal {
  [[nodiscard]] int legs() const override { return 100; }
};
struct Cage {
  boost::shared_ptr<Animal> one, same;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& one& same;
  }
};
struct Holder {
  int number;
  std::vector<Scene> scenes;
};

}  // namespace by_boost

BOOST_CLASS_EXPORT(by_boost::Bird)
template <>
struct drover::Codec<by_boost::Scene> : drover::BoostCodec<by_boost::Scene> {};
template <>
struct drover::Codec<by_boost::Cage> : drover::BoostCodec<by_boost::Cage> {};

TEST_CASE("a type of Boost.Serialization travels, alone and inside a struct") {
  using namespace by_boost;
  const Scene scene{"harbour", {1, 2}, {{"boats", 3}}, {{"boat", {}, {}, {}, true}}, true};
  CHECK(drover::there_and_back(scene) == scene);
  CHECK(drover::there_and_back(Holder{3, {scene, scene}}).scenes.at(1) == scene);
}

TEST_CASE("shared and polymorphic pointers of Boost.Serialization travel") {
  using namespace by_boost;
  const auto bird = boost::make_shared<Bird>();
  bird->lost = 1;
  const Cage cage = drover::there_and_back(Cage{bird, bird});
  CHECK(cage.one->legs() == 1);
  CHECK(cage.one == cage.same);
  CHECK_THROWS_AS(drover::encoded(Cage{boost::make_shared<Unknown>(), nullptr}), drover::NotTransportable);
}

TEST_CASE("bytes that Boost.Serialization did not write are refused") {
  using namespace by_boost;
  const std::string whole =
      drover::encoded(Scene{"harbour", {1, 2}, {{"a", 1}}, {{"boat", {}, {}, {}, true}}, true});
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_THROWS_AS(drover::decoded<Scene>(whole.substr(0, size)), drover::DecodeError);
  const std::string empty = drover::encoded(Scene());
  CHECK_THROWS_AS(drover::decoded<Scene>(empty.substr(0, empty.size() - 1) + "\2"), drover::DecodeError);
  const std::string many = drover::count_of(std::uint64_t{1} << 60);
  for (std::size_t at = 0; at < empty.size(); ++at)
    CHECK_THROWS_AS(drover::decoded<Scene>(empty.substr(0, at) + many), drover::DecodeError);
}
#endif
