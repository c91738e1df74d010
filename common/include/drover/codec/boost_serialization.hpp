// Types that Boost.Serialization can serialize travel by that, when you say so:
//
//   #include <drover/codec/boost_serialization.hpp>
//   #include <boost/serialization/vector.hpp>     // Boost's own header for each standard type in use
//   template <> struct drover::Codec<Scene> : drover::BoostCodec<Scene> {};
//
// The type must have a public default constructor. Link Boost::serialization. For BOOST_CLASS_EXPORT this
// header must come first. Throws like every Codec: NotTransportable where Boost refuses a value, DecodeError
// for bytes that it, or this archive, refuses. The archive checks counts, lengths, bools and nesting (512
// objects within each other, in both directions). Boost itself trusts the ids of pointers that it reads, and
// your functions what they read.
#pragma once

#include <boost/archive/archive_exception.hpp>
#include <boost/archive/basic_archive.hpp>
#include <boost/archive/detail/common_iarchive.hpp>
#include <boost/archive/detail/common_oarchive.hpp>
#include <boost/archive/detail/register_archive.hpp>
#include <boost/archive/impl/archive_serializer_map.ipp>
#include <boost/serialization/array_wrapper.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/is_bitwise_serializable.hpp>
#include <boost/serialization/string.hpp>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include <drover/codec.hpp>

namespace drover {

namespace detail {

// The names of members and nested types are Boost's.
struct BoostArrays {
  template <class T>
  struct apply : std::bool_constant<boost::serialization::is_bitwise_serializable<T>::value &&
                                    !std::is_same_v<T, bool>> {};
};

class BoostOutput : public boost::archive::detail::common_oarchive<BoostOutput> {
  using Base = boost::archive::detail::common_oarchive<BoostOutput>;

 public:
  using use_array_optimization = BoostArrays;
  explicit BoostOutput(Encoder& out) : Base(boost::archive::no_header), out_(out) {}

  void save_binary(const void* data, std::size_t size) { out_.bytes(data, size); }
  template <class T>
  void save_array(const boost::serialization::array_wrapper<T>& array, unsigned) {
    out_.bytes(array.address(), array.count() * sizeof(T));
  }

 private:
  friend class boost::archive::detail::interface_oarchive<BoostOutput>;
  friend class boost::archive::save_access;

  template <class T>
  void save_override(const T& value) {
    CodecAccess::descend(out_, std::is_class_v<T>);
    Base::save_override(value);
    CodecAccess::ascend(out_, std::is_class_v<T>);
  }
  void save_override(const boost::archive::class_id_optional_type&) {}
  void save_override(const boost::archive::class_name_type& name) { out_.value(std::string_view(name)); }

  template <class T>
  void save(const T& value) {
    out_.bytes(&value, sizeof value);
  }
  void save(const boost::archive::tracking_type& tracking) { out_.value(static_cast<bool>(tracking)); }
  void save(const boost::serialization::collection_size_type& size) { out_.count(size); }
  void save(const std::string& text) { out_.value(text); }
  void save(const std::wstring& text) { out_.value(text); }

  Encoder& out_;
};

class BoostInput : public boost::archive::detail::common_iarchive<BoostInput> {
  using Base = boost::archive::detail::common_iarchive<BoostInput>;

 public:
  using use_array_optimization = BoostArrays;
  explicit BoostInput(Decoder& in) : Base(boost::archive::no_header), in_(in) {}

  void load_binary(void* data, std::size_t size) {
    const char* const from = in_.bytes(size);
    if (size != 0) std::memcpy(data, from, size);
  }
  template <class T>
  void load_array(boost::serialization::array_wrapper<T>& array, unsigned) {
    load_binary(array.address(), array.count() * sizeof(T));
  }

 private:
  friend class boost::archive::detail::interface_iarchive<BoostInput>;
  friend class boost::archive::load_access;

  template <class T>
  void load_override(T& value) {
    CodecAccess::descend(in_, std::is_class_v<T>);
    Base::load_override(value);
    CodecAccess::ascend(in_, std::is_class_v<T>);
  }
  void load_override(boost::archive::class_id_optional_type&) {}
  void load_override(boost::archive::class_name_type& name) {
    const auto text = in_.value<std::string>();
    if (text.size() >= BOOST_SERIALIZATION_MAX_KEY_SIZE) fail_decoding("expected a shorter name of a class");
    std::memcpy(name, text.c_str(), text.size() + 1);
  }

  template <class T>
  void load(T& value) {
    load_binary(&value, sizeof value);
  }
  void load(bool& value) { value = in_.value<bool>(); }
  void load(boost::archive::tracking_type& tracking) {
    tracking = boost::archive::tracking_type(in_.value<bool>());
  }
  void load(boost::serialization::collection_size_type& size) {
    const std::uint64_t count = in_.count();
    CodecAccess::admit(in_, count);
    size = boost::serialization::collection_size_type(count);
  }
  void load(std::string& text) { text = in_.value<std::string>(); }
  void load(std::wstring& text) { text = in_.value<std::wstring>(); }

  Decoder& in_;
};

}  // namespace detail

template <class T>
struct BoostCodec {
  static_assert(std::is_default_constructible_v<T>,
                "drover: a type that travels by Boost.Serialization needs a public default constructor");
  static void encode(Encoder& out, const T& value) {
    try {
      detail::BoostOutput archive(out);
      archive << value;
    } catch (const boost::archive::archive_exception& error) {
      detail::refuse_value(std::string("Boost.Serialization refuses this value: ") + error.what());
    }
  }
  static T decode(Decoder& in) {
    try {
      T value = T();
      detail::BoostInput archive(in);
      archive >> value;
      return value;
    } catch (const boost::archive::archive_exception& error) {
      detail::fail_decoding(std::string("Boost.Serialization refuses these bytes: ") + error.what());
    }
  }
};

}  // namespace drover

BOOST_SERIALIZATION_REGISTER_ARCHIVE(drover::detail::BoostOutput)
BOOST_SERIALIZATION_REGISTER_ARCHIVE(drover::detail::BoostInput)
